"""Counts what users did before a position of their sequence."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


class HistoryCounts:
    """Maps (user, position, value) to how many earlier items of the user have that value.

    Every (user, value, position) is one sorted key, so a count is the distance between two
    places in the keys, however long the history is.

    Args:
        users: User of each observation.
        values: Value of each observation, from 0.
        positions: Position of each observation in its user's sequence, from 0.
        num_values: Number of values.
        num_positions: A number above every position.

    Example:
    >>> counts = HistoryCounts(
    ...     np.array([0, 0, 0]), np.array([7, 7, 7]), np.array([0, 1, 2]), 8, 3)
    >>> counts(np.array([0]), np.array([2]), np.array([7])).tolist()
    [2]
    """

    def __init__(
        self,
        users: Integers,
        values: Integers,
        positions: Integers,
        num_values: int,
        num_positions: int,
    ) -> None:
        self.num_values = num_values
        self.num_positions = num_positions
        self._keys = np.sort(self._key(users, values) + positions)

    def __call__(self, users: Integers, positions: Integers, values: Integers) -> Integers:
        """Counts before `positions`; the arguments have the same shape."""
        start = self._key(users, values)
        ends = np.searchsorted(self._keys, start + positions)
        return ends - np.searchsorted(self._keys, start)

    def _key(self, users: Integers, values: Integers) -> Integers:
        return (users * self.num_values + values) * self.num_positions
