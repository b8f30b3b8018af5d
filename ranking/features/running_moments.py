"""Mean and deviation over many batches, exactly."""

import math
from fractions import Fraction

import numpy as np

_SMALLEST = -149  # A float32 is a whole number times 2**-149.
_DIGITS = 24  # Binary digits of a float32.
_AT_ONCE = 1 << 28  # So many sums of 24 digits fit into the 53 digits of a double.


class RunningMoments:
    """Maps batches of numbers to their mean and deviation.

    Numbers are taken as float32, as models read them. Sums are kept as whole numbers, so nothing is
    lost, and neither the order of the numbers nor how they come in batches changes the result.

    Example:
    >>> moments = RunningMoments()
    >>> moments.add(np.array([1.0, 2.0]))
    >>> moments.add(np.array([6.0]))
    >>> moments.mean, moments.deviation
    (3.0, 2.160246899469287)
    """

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0  # In units of 2**-149.
        self._squares = 0  # In units of 2**-298.

    def add(self, values: np.ndarray) -> None:
        """Adds numbers `[n]`, all finite."""
        for start in range(0, values.size, _AT_ONCE):
            self._add(values[start : start + _AT_ONCE])

    def merge(self, other: "RunningMoments") -> None:
        """Adds the numbers of another one."""
        self._count += other._count
        self._sum += other._sum
        self._squares += other._squares

    @property
    def mean(self) -> float:
        """The mean; 0 where nothing was added."""
        return float(self._exact_mean())

    @property
    def deviation(self) -> float:
        """The deviation (divided by n); 1 where all numbers are the same or nothing was added."""
        if self._count == 0:
            return 1.0
        square = Fraction(self._squares, self._count << -2 * _SMALLEST)
        deviation = math.sqrt(square - self._exact_mean() ** 2)
        # Below that a float32 cannot tell the numbers apart.
        return deviation if deviation > 1e-7 * abs(self.mean) else 1.0

    def _exact_mean(self) -> Fraction:
        return Fraction(self._sum, max(self._count, 1) << -_SMALLEST)

    def _add(self, values: np.ndarray) -> None:
        fractions, exponents = np.frexp(values.astype(np.float32))
        # Whole numbers of 24 binary digits, and the power of two that each is to be taken times.
        wholes = np.ldexp(fractions.astype(np.float64), _DIGITS).astype(np.int64)
        shifts = exponents.astype(np.int64) - _DIGITS - _SMALLEST
        wholes >>= np.maximum(-shifts, 0)  # The smallest numbers have fewer digits.
        shifts = np.maximum(shifts, 0)
        self._count += values.size
        self._sum += _shifted_sum(wholes, shifts)
        squares = wholes * wholes
        high, low = squares >> _DIGITS, squares & ((1 << _DIGITS) - 1)
        self._squares += _shifted_sum(high, 2 * shifts) << _DIGITS
        self._squares += _shifted_sum(low, 2 * shifts)


def _shifted_sum(wholes: np.ndarray, shifts: np.ndarray) -> int:
    """The sum of `wholes * 2**shifts`; a whole number has 24 binary digits."""
    sums = np.bincount(shifts, weights=wholes)
    return sum(int(total) << shift for shift, total in enumerate(sums) if total)
