"""Mean and deviation over many batches."""

import math

import numpy as np


class RunningMoments:
    """Maps batches of numbers to their mean and deviation.

    Sums of squares are taken around each batch's mean and put together by the formula of Chan,
    Golub and LeVeque (1979), so that nothing is lost where the mean is large.

    Example:
    >>> moments = RunningMoments()
    >>> moments.add(np.array([1.0, 2.0]))
    >>> moments.add(np.array([6.0]))
    >>> moments.mean, moments.deviation
    (3.0, 2.160246899469287)
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values: np.ndarray) -> None:
        """Adds numbers `[n]`, all finite."""
        count = values.size
        if count == 0:
            return
        values = values.astype(np.float64)
        mean = float(values.mean())
        difference = mean - self._mean
        total = self._count + count
        self._squares += float(((values - mean) ** 2).sum())
        self._squares += difference**2 * self._count * count / total
        self._mean += difference * count / total
        self._count = total

    @property
    def mean(self) -> float:
        """The mean; 0 where nothing was added."""
        return self._mean

    @property
    def deviation(self) -> float:
        """The deviation (divided by n); 1 where all numbers are the same or nothing was added."""
        if self._count == 0:
            return 1.0
        deviation = math.sqrt(self._squares / self._count)
        # Below that a float32 cannot tell the numbers apart.
        return deviation if deviation > 1e-7 * abs(self._mean) else 1.0
