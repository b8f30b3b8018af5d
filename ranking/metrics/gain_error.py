"""The standard error of a gain: chance in the users of a test set and in the seeds of trainings."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ranking.metrics.user_clusters import clustered_variance, user_count

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class GainError:
    """How far a gain may be from the truth.

    Attributes:
        error: Standard error; NaN below two users.
        freedom: Degrees of freedom of the t distribution that goes with it.
    """

    error: float
    freedom: float


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

    With one seed nothing is known of the spread over seeds, and that part is missing: the error is
    then that of these trained models, not of these systems.

    Args:
        base: Values of each seed and session, without NaN.
        other: The same of the other system.
        codes: The user of each session, as `user_codes` gives them.

    Example:
    >>> gain_error(np.zeros((1, 4)), np.array([[1.0, 2.0, 3.0, 4.0]]), np.arange(4))
    GainError(error=0.6454972243679028, freedom=3.0)
    """
    users = user_count(codes)
    if users < 2:
        return GainError(math.nan, math.nan)
    parts = [(clustered_variance(other.mean(axis=0) - base.mean(axis=0), codes), users - 1)]
    for system in (base, other):
        deviations = system - system.mean(axis=0)
        by_sessions = [clustered_variance(each, codes) for each in deviations]
        parts.append((seed_variance(system.mean(axis=1), by_sessions), len(system) - 1))
    return joined_error(parts)


def seed_variance(metrics: Array, by_sessions: Sequence[float]) -> float:
    """Variance of the mean over seeds, beyond that of sessions; 0 where there is none to see.

    Args:
        metrics: The metric of each of K seeds.
        by_sessions: For each seed, the variance that sessions alone give its deviation from the
            mean over seeds.

    Example:
    >>> round(seed_variance(np.array([0.5, 0.7, 0.6]), [0.002, 0.002, 0.002]), 6)
    0.002333
    """
    seeds = len(metrics)
    if seeds < 2:
        return 0.0
    observed = float(metrics.var(ddof=1)) / seeds
    # A deviation has (K - 1) / K of the variance of a seed, and the mean over seeds 1 / K of it.
    return max(0.0, observed - sum(by_sessions) / (seeds * (seeds - 1)))


def joined_error(parts: Sequence[tuple[float, int]]) -> GainError:
    """Maps variances with their degrees of freedom to the error of the sum, by Satterthwaite.

    Parts without variance do not count.

    Example:
    >>> joined_error([(0.5, 10), (0.5, 10), (0.0, 0)])
    GainError(error=1.0, freedom=20.0)
    """
    parts = [(variance, freedom) for variance, freedom in parts if variance > 0]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return GainError(0.0, math.inf)
    # Relative to the sum, because the square of a tiny variance is 0.
    uncertainty = sum((part / variance) ** 2 / freedom for part, freedom in parts)
    return GainError(math.sqrt(variance), 1 / uncertainty)
