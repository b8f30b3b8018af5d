"""How far the mean over sessions moves when the users of a test set are drawn anew."""

import numpy as np
import numpy.typing as npt

from ranking.metrics.user_clusters import user_sums

Array = npt.NDArray[np.float64]

# Users drawn at a time: what is drawn stays within a processor's cache, and memory is bounded.
_DRAWN_AT_ONCE = 250_000


def bootstrap_means(
    values: npt.ArrayLike, codes: npt.NDArray[np.int64], *, draws: int = 10_000, seed: int = 0
) -> Array:
    """Maps values `[S]` and the user of each `[S]` to means over redrawn users, `[draws]`.

    Each draw takes as many users as there are, with replacement, and every user with all their
    sessions; its mean is over the sessions that came along. Memory does not grow with `draws`.

    Args:
        values: A value per session, none of them NaN.
        codes: As `user_codes` gives them.
        draws: How often to draw.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: If `draws` is below 1 or there is no value.

    Example:
    >>> means = bootstrap_means([0.0, 1.0], np.array([0, 1]), draws=1000, seed=1)
    >>> np.unique(means)
    array([0. , 0.5, 1. ])
    """
    values = np.asarray(values, dtype=np.float64)
    if draws < 1 or not values.size:
        raise ValueError(
            "A bootstrap needs at least one draw and one value. "
            f"Received: draws={draws}, {values.size} values"
        )
    # Sum and count of a user are drawn together, as the two parts of one number.
    users = user_sums(values, codes) + 1j * np.bincount(codes)
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // len(users))
    means = np.empty(draws)
    for start in range(0, draws, at_once):
        size = (min(at_once, draws - start), len(users))
        drawn = users.take(generator.integers(len(users), size=size, dtype=np.int32)).sum(axis=1)
        means[start : start + at_once] = drawn.real / drawn.imag
    return means


def percentile_interval(means: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float]:
    """Maps the means of a bootstrap to the interval that holds the middle `level` of them.

    Example:
    >>> percentile_interval(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    low, high = np.quantile(np.asarray(means, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
