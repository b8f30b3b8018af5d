"""Compares the pooled AUC of two systems on the same candidates: gain, interval, p-value."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ranking.metrics.bootstrap import percentile_interval
from ranking.metrics.comparison import CANNOT_TELL, NO_DIFFERENCE, Comparison, holm
from ranking.metrics.gain_error import (
    LEAST_USERS,
    GainError,
    VariancePart,
    joined_error,
    seed_variance,
)
from ranking.metrics.redrawn_auc import RedrawnAuc
from ranking.metrics.seed_spread import seed_spread
from ranking.metrics.significance import smallest_detectable, t_interval

Array = npt.NDArray[np.float64]


def compare_pooled_auc(
    base: Sequence[RedrawnAuc], other: Sequence[RedrawnAuc], *, sessions: int, users: int
) -> Comparison:
    """Compares two systems by their pooled AUC over the same redrawn users.

    Pairs of a pooled AUC cross sessions, so it is no mean of values that sessions have, and the
    variance that users give it is that of the draws. Otherwise the gain's error is made up as in
    `gain_error`: the users' part of the gain, and for each system with at least two seeds the
    variance of the mean over seeds beyond what users explain of it.

    Args:
        base: The AUC of each seed of the base.
        other: The same of the other system, of the same draws.
        sessions: Sessions that the candidates are of.
        users: Users that were redrawn.

    Returns:
        The comparison; tests that need a value per session are NaN.

    Raises:
        ValueError: If a system has no seed, or the draws differ in number.

    Example:
    >>> draws = np.array([0.70, 0.72, 0.74])
    >>> base, other = RedrawnAuc(0.72, draws), RedrawnAuc(0.75, draws + [0.02, 0.03, 0.04])
    >>> found = compare_pooled_auc([base], [other], sessions=50, users=40)
    >>> round(found.gain, 3), round(found.low, 3), round(found.high, 3), found.verdict
    (0.03, 0.01, 0.05, 'better')
    """
    before, after = _stacked(base, other)
    gains = after.mean(axis=0) - before.mean(axis=0)
    gain, drawn = float(gains[0]), gains[1:][~np.isnan(gains[1:])]
    is_equal = gain == 0 and not drawn.any()
    error = GainError(0.0, math.inf) if is_equal else _error(before, after, gain, drawn, users)
    low, high = t_interval(gain, error.error, error.freedom)
    redrawn = percentile_interval(drawn) if len(drawn) else (math.nan, math.nan)
    p_value = error.p_value(gain, users)
    comparison = Comparison(
        gain=gain,
        low=low,
        high=high,
        p_value=p_value,
        p_value_holm=p_value,
        p_value_sessions=math.nan,
        p_value_unpaired=math.nan,
        bootstrap_low=redrawn[0],
        bootstrap_high=redrawn[1],
        smallest_detectable=smallest_detectable(error.error, error.freedom),
        sessions=sessions,
        left_out=0,
        users=users,
        base=seed_spread(before[:, 0].tolist()),
        other=seed_spread(after[:, 0].tolist()),
        verdict=NO_DIFFERENCE if is_equal else CANNOT_TELL,
    )
    return holm([comparison])[0]  # A family of one: the verdict of its own p-value.


def _error(before: Array, after: Array, gain: float, drawn: Array, users: int) -> GainError:
    """The error of a gain whose draws are `drawn`, from both systems `[seeds, 1 + M]`."""
    if math.isnan(gain) or len(drawn) < 2 or users < LEAST_USERS:
        return GainError(math.nan, math.nan)
    by_users = float(drawn.var(ddof=1))
    parts = [VariancePart(by_users, by_users, users - 1)]
    for system in (before, after):
        draws = system[:, 1:]
        by_seed = np.nanvar(draws - draws.mean(axis=0), axis=1, ddof=1)
        parts.append(seed_variance(system[:, 0], by_seed.tolist()))
    return joined_error(parts)


def _stacked(base: Sequence[RedrawnAuc], other: Sequence[RedrawnAuc]) -> tuple[Array, Array]:
    """For each system `[seeds, 1 + M]`: the AUC of every seed, and then those of the draws."""
    lengths = {len(each.draws) for each in (*base, *other)}
    if not base or not other or len(lengths) != 1:
        raise ValueError(
            "`base` and `other` must each hold at least one seed, with the same number of draws. "
            f"Received: {len(base)} and {len(other)} seeds, with {sorted(lengths)} draws"
        )
    before, after = (
        np.stack([np.append(each.value, each.draws) for each in system]) for system in (base, other)
    )
    return before, after
