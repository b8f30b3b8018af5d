"""How a metric varies over trainings that differ by nothing but their seed."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class SeedSpread:
    """A metric over the seeds of one system.

    Attributes:
        mean: Mean over seeds.
        sd: Standard deviation over seeds (n - 1); NaN with one seed, which says nothing of it.
        low: Smallest of the seeds.
        high: Largest of the seeds.
        seeds: How many.
    """

    mean: float
    sd: float
    low: float
    high: float
    seeds: int


def seed_spread(values: Sequence[float]) -> SeedSpread:
    """Maps the metric of each seed to its spread.

    Raises:
        ValueError: If there is no value.

    Example:
    >>> seed_spread([0.5, 0.75, 1.0])
    SeedSpread(mean=0.75, sd=0.25, low=0.5, high=1.0, seeds=3)
    """
    if not len(values):
        raise ValueError("A spread needs the value of at least one seed. Received none.")
    array = np.asarray(values, dtype=np.float64)
    return SeedSpread(
        mean=float(array.mean()),
        sd=float(array.std(ddof=1)) if len(array) > 1 else math.nan,
        low=float(array.min()),
        high=float(array.max()),
        seeds=len(array),
    )
