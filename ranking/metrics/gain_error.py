"""The standard error of a gain: chance in the users of a test set and in the seeds of trainings."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ranking.metrics.significance import t_p_value
from ranking.metrics.user_clusters import clustered_variance, user_count

Array = npt.NDArray[np.float64]


LEAST_USERS = 6
"""Users below which no gain can be told from none: all of fewer gain alike by chance in more than
5 % of test sets, if each gains or loses by the toss of a coin."""


@dataclasses.dataclass(frozen=True)
class GainError:
    """How far a gain may be from the truth.

    Attributes:
        error: Standard error; NaN below `LEAST_USERS` users.
        freedom: Degrees of freedom of the t distribution that goes with it.
    """

    error: float
    freedom: float

    def p_value(self, gain: float, users: int) -> float:
        """Maps a gain in so many users to its two-sided p-value, by the t distribution.

        It is at least 2^(1 - users): if a coin decides whether a user gains or loses, all gain or
        all lose that often. The t distribution says 0 where all gains are equal, and values that
        count pairs often are.

        Example:
        >>> GainError(0.0, 5.0).p_value(0.5, users=6)
        0.03125
        """
        return max(t_p_value(gain, self.error, self.freedom), 2.0 ** (1 - users))


@dataclasses.dataclass(frozen=True)
class VariancePart:
    """One source of chance in a gain.

    Attributes:
        variance: What it adds to the variance of the gain.
        estimate: The variance that this was computed from, before anything known was taken off. It
            is as uncertain as `freedom` says, whatever was taken off, and if nothing is left.
        freedom: Degrees of freedom of that estimate; 0 where there is none.
    """

    variance: float
    estimate: float
    freedom: int


def gain_error(base: Array, other: Array, codes: npt.NDArray[np.int64]) -> GainError:
    """Maps the values of two systems, `[K, S]` and `[L, S]`, to the error of their gain.

    The gain is mean over sessions of (mean over seeds of `other` - mean over seeds of `base`). Its
    variance is the sum of

    - users: `clustered_variance` of the differences of each session; U - 1 degrees of freedom;
    - seeds, for each system with at least two: the sample variance of the seeds' means over their
      number, less what of it is chance in the sessions; K - 1 degrees of freedom.

    Seeds answer single sessions differently even if they are equally good, so their means on a test
    set of limited size differ, and the users' part already holds that share. Counting it twice
    makes intervals far too wide: 98 to 99 % of them held the truth in simulations of equally good
    seeds, 93 to 97 % with the share taken out. It is estimated by the clustered variance of each
    seed's deviations from its system's mean. The degrees of freedom of the sum are those of Welch
    and Satterthwaite: with three seeds that differ much, they are few, and the interval is wide.
    What is left of a seeds' variance is as uncertain as all of it was, and so it is where nothing
    is left: two or three seeds that happen to lie close together do not show that seeds are alike.
    Without that, p-values of 0.05 / 28, which Holm asks for in a family of 28, came up to 3.2 times
    as often as they may in simulations with three seeds; now at most 2.5 times, and mostly less
    often than they may. At 5 % no more come than may. Two seeds are too few for large families: up
    to 8 times there.

    With one seed nothing is known of the spread over seeds, and that part is missing: the error is
    then that of these trained models, not of these systems.

    Args:
        base: Values of each seed and session, without NaN.
        other: The same of the other system.
        codes: The user of each session, as `user_codes` gives them.

    Example:
    >>> gain_error(np.zeros((1, 6)), np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]), np.arange(6))
    GainError(error=0.7637626158259733, freedom=5.0)
    """
    users = user_count(codes)
    if users < LEAST_USERS:
        return GainError(math.nan, math.nan)
    by_users = clustered_variance(other.mean(axis=0) - base.mean(axis=0), codes)
    parts = [VariancePart(by_users, by_users, users - 1)]
    for system in (base, other):
        deviations = system - system.mean(axis=0)
        by_sessions = [clustered_variance(each, codes) for each in deviations]
        parts.append(seed_variance(system.mean(axis=1), by_sessions))
    return joined_error(parts)


def seed_variance(metrics: Array, by_sessions: Sequence[float]) -> VariancePart:
    """Variance of the mean over seeds, beyond that of sessions; 0 where there is none to see.

    Args:
        metrics: The metric of each of K seeds.
        by_sessions: For each seed, the variance that sessions alone give its deviation from the
            mean over seeds.

    Example:
    >>> part = seed_variance(np.array([0.5, 0.7, 0.6]), [0.002, 0.002, 0.002])
    >>> round(part.variance, 6), round(part.estimate, 6), part.freedom
    (0.002333, 0.003333, 2)
    """
    seeds = len(metrics)
    if seeds < 2:
        return VariancePart(0.0, 0.0, 0)
    observed = float(metrics.var(ddof=1)) / seeds
    # A deviation has (K - 1) / K of the variance of a seed, and the mean over seeds 1 / K of it.
    rest = observed - sum(by_sessions) / (seeds * (seeds - 1))
    return VariancePart(max(0.0, rest), observed, seeds - 1)


def joined_error(parts: Sequence[VariancePart]) -> GainError:
    """Maps parts of a variance to the error of the sum, by Satterthwaite.

    Example:
    >>> joined_error([VariancePart(0.5, 0.5, 10), VariancePart(0.5, 0.5, 10)])
    GainError(error=1.0, freedom=20.0)
    """
    parts = [part for part in parts if part.freedom > 0]
    variance = sum(part.variance for part in parts)
    if variance == 0:
        return GainError(0.0, math.inf)
    # Relative to the sum, because the square of a tiny variance is 0.
    uncertainty = sum((part.estimate / variance) ** 2 / part.freedom for part in parts)
    return GainError(math.sqrt(variance), 1 / uncertainty)
