"""Compares two systems on the same sessions: gain, interval, p-values, verdict."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ranking.metrics.bootstrap import bootstrap_means, percentile_interval
from ranking.metrics.gain_error import GainError, gain_error
from ranking.metrics.holm import holm_correction
from ranking.metrics.seed_spread import SeedSpread, seed_spread
from ranking.metrics.significance import (
    paired_t_test,
    smallest_detectable,
    t_interval,
    unpaired_z_test,
)
from ranking.metrics.user_clusters import user_codes, user_count

Array = npt.NDArray[np.float64]

BETTER = "better"
WORSE = "worse"
CANNOT_TELL = "cannot tell"
NO_DIFFERENCE = "no difference"

_LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What the sessions of a test set say about one metric of two systems.

    A system is a model with its settings; its seeds are trainings that differ by nothing else.

    Attributes:
        gain: Mean over sessions of (mean over seeds of the other system - that of the base).
        low: Lower end of the 95 % interval of the gain.
        high: Its upper end. The interval belongs to `p_value`: it excludes 0 where that is < 5 %.
        p_value: Two-sided, from the gain and its standard error over users and seeds (`gain_error`)
            by the t distribution, and at least 2^(1 - users). With one seed each and one session
            per user it is the paired t-test.
        p_value_holm: Corrected for the family that `holm` was given; `p_value` before.
        p_value_sessions: The paired t-test that takes every session for a user of its own and has
            no part for seeds.
        p_value_unpaired: The test of the AW-MoE paper (`unpaired_z_test`).
        bootstrap_low: Lower end of the 95 % interval of the gain over redrawn users, as percentiles
            of the draws; it supposes no distribution, and has no part for seeds.
        bootstrap_high: Its upper end.
        smallest_detectable: Smallest true gain that 80 % of such samples would have shown.
        sessions: Sessions compared.
        left_out: Sessions without a value for some seed of either system, left out for all.
        users: Users of the sessions compared.
        base: Mean of the base, and its spread over seeds.
        other: Mean of the other system, and its spread over seeds.
        verdict: `"better"` or `"worse"` (the other system) where `p_value_holm` is below 5 %, else
            `"cannot tell"`; `"no difference"` where the values of all sessions are equal.

    What cannot be computed from so few sessions or users is NaN.
    """

    gain: float
    low: float
    high: float
    p_value: float
    p_value_holm: float
    p_value_sessions: float
    p_value_unpaired: float
    bootstrap_low: float
    bootstrap_high: float
    smallest_detectable: float
    sessions: int
    left_out: int
    users: int
    base: SeedSpread
    other: SeedSpread
    verdict: str

    @property
    def seeds(self) -> tuple[int, int]:
        """Seeds of the base and of the other system."""
        return self.base.seeds, self.other.seeds

    @property
    def seed_spread_known(self) -> bool:
        """Whether interval and p-value hold the spread over seeds of both systems."""
        return min(self.seeds) > 1

    @property
    def stands_out(self) -> bool:
        """Whether p is below 5 % before correction; with one training of a system nothing is."""
        return self.seed_spread_known and self.p_value < _LEVEL


def compare_systems(
    base: Sequence[Array],
    other: Sequence[Array],
    users: npt.ArrayLike | None,
    *,
    seed: int = 0,
    draws: int = 10_000,
) -> Comparison:
    """Compares one metric of two systems, session by session.

    Args:
        base: For each seed of the base its values `[S]`; NaN where a session has none.
        other: The same of the other system, on the same sessions in the same order.
        users: The user of each session, `[S]`; `None` where they are not known. A session without
            a user stands for itself (`user_codes`).
        seed: Seeds the draws of users.
        draws: How often to redraw users.

    Raises:
        ValueError: If a system has no seed, or the shapes are not one `[S]`.

    Example:
    >>> base = np.array([0.5, 0.6, 0.7, 0.4, 0.5, 0.6])
    >>> found = compare_systems([base], [base + [0.1, 0.2, 0.1, 0.2, 0.1, 0.2]], list("abcdef"))
    >>> round(found.gain, 3), round(found.low, 3), round(found.high, 3), found.verdict
    (0.15, 0.093, 0.207, 'better')
    """
    before, after = _stacked(base, "base"), _stacked(other, "other")
    if before.shape[1] != after.shape[1]:
        raise ValueError(
            "`base` and `other` must hold the same sessions. "
            f"Received: {before.shape[1]} and {after.shape[1]} of them"
        )
    codes = user_codes(users, before.shape[1])
    complete = ~(np.isnan(before).any(axis=0) | np.isnan(after).any(axis=0))
    left_out = int(np.count_nonzero(~complete))
    before, after = before[:, complete], after[:, complete]
    _, codes = np.unique(codes[complete], return_inverse=True)
    if not codes.size:
        return _nothing(len(before), len(after), left_out)
    return _compared(before, after, codes, left_out=left_out, seed=seed, draws=draws)


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Maps the comparisons of one family to the same with corrected p-values and their verdicts.

    Example:
    >>> values = np.array([0.5, 0.6, 0.7, 0.4, 0.5, 0.6, 0.7])
    >>> one = compare_systems([values], [values + [0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1]], None)
    >>> round(one.p_value_holm, 4), [round(each.p_value_holm, 4) for each in holm([one] * 3)]
    (0.0156, [0.0469, 0.0469, 0.0469])
    """
    corrected = holm_correction([comparison.p_value for comparison in comparisons])
    return [
        _judged(dataclasses.replace(comparison, p_value_holm=float(p_value)))
        for comparison, p_value in zip(comparisons, corrected, strict=True)
    ]


def _compared(
    base: Array,
    other: Array,
    codes: npt.NDArray[np.int64],
    *,
    left_out: int,
    seed: int,
    draws: int,
) -> Comparison:
    """Values without NaN, `[K, S]` and `[L, S]`, and the users `[S]` -> the comparison."""
    base_mean, other_mean = base.mean(axis=0), other.mean(axis=0)
    gains = other_mean - base_mean
    gain, equal = float(gains.mean()), not gains.any()
    # Where no session tells them apart there is nothing to be unsure of, whatever the seeds do.
    error = GainError(0.0, math.inf) if equal else gain_error(base, other, codes)
    low, high = t_interval(gain, error.error, error.freedom)
    redrawn = bootstrap_means(gains, codes, draws=draws, seed=seed)
    bootstrap_low, bootstrap_high = percentile_interval(redrawn)
    p_value = error.p_value(gain, user_count(codes))
    return _judged(
        Comparison(
            gain=gain,
            low=low,
            high=high,
            p_value=p_value,
            p_value_holm=p_value,
            p_value_sessions=paired_t_test(base_mean, other_mean),
            p_value_unpaired=unpaired_z_test(base_mean, other_mean),
            bootstrap_low=bootstrap_low,
            bootstrap_high=bootstrap_high,
            smallest_detectable=smallest_detectable(error.error, error.freedom),
            sessions=len(codes),
            left_out=left_out,
            users=user_count(codes),
            base=seed_spread(base.mean(axis=1).tolist()),
            other=seed_spread(other.mean(axis=1).tolist()),
            verdict=NO_DIFFERENCE if equal else CANNOT_TELL,
        )
    )


def _judged(comparison: Comparison) -> Comparison:
    """The comparison with the verdict of its corrected p-value."""
    if comparison.verdict == NO_DIFFERENCE:
        return comparison
    verdict = BETTER if comparison.gain > 0 else WORSE
    if not comparison.p_value_holm < _LEVEL:  # NaN, which tells nothing, is not below either.
        verdict = CANNOT_TELL
    return dataclasses.replace(comparison, verdict=verdict)


def _nothing(base_seeds: int, other_seeds: int, left_out: int) -> Comparison:
    """The comparison of no session."""
    numbers = {
        field.name: math.nan for field in dataclasses.fields(Comparison) if field.type is float
    }
    return Comparison(
        **numbers,
        sessions=0,
        left_out=left_out,
        users=0,
        base=seed_spread([math.nan] * base_seeds),
        other=seed_spread([math.nan] * other_seeds),
        verdict=CANNOT_TELL,
    )


def _stacked(seeds: Sequence[Array], name: str) -> Array:
    """The values of each seed as `[K, S]`."""
    arrays = [np.asarray(values, dtype=np.float64) for values in seeds]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or arrays[0].ndim != 1:
        raise ValueError(
            f"`{name}` must hold at least one seed, each an array [S] of the same sessions. "
            f"Received shapes: {[array.shape for array in arrays]}"
        )
    return np.stack(arrays)
