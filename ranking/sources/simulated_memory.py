"""What the simulated users did, as far back as they and the shop remember."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import Ints

MEMORY_LENGTH = 50
NOTHING = -1


@dataclasses.dataclass(frozen=True)
class Behaviors:
    """Behaviors of B users, T entries each, the newest at the right end.

    Attributes:
        item: `[B, T]`, the item acted on, or `NOTHING` where a user did less than T things.
        ordered: `[B, T]`, whether the user ordered the item, beyond clicking it.
        time: `[B, T]`, when, in seconds.
    """

    item: Ints
    ordered: NDArray[np.bool_]
    time: Ints

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """`[B, T]`, where there is a behavior."""
        return self.item != NOTHING

    @property
    def lengths(self) -> Ints:
        """`[B]`, number of behaviors."""
        return self.is_there.sum(axis=1)

    def trimmed(self) -> "Behaviors":
        """The same without the leading entries that no user fills."""
        longest = int(self.lengths.max(initial=0))
        start = self.item.shape[1] - longest
        return Behaviors(self.item[:, start:], self.ordered[:, start:], self.time[:, start:])


class Memory:
    """The newest `MEMORY_LENGTH` behaviors of every user."""

    def __init__(self, users: int) -> None:
        shape = (users, MEMORY_LENGTH)
        self._item = np.full(shape, NOTHING, np.int64)
        self._ordered = np.zeros(shape, np.bool_)
        self._time = np.zeros(shape, np.int64)

    def recall(self, users: Ints) -> Behaviors:
        """Copies the behaviors of `users` `[B]`."""
        return Behaviors(self._item[users], self._ordered[users], self._time[users])

    def remember(self, users: Ints, items: Ints, ordered: NDArray[np.bool_], times: Ints) -> None:
        """Adds one behavior each for different users; the oldest of a full memory is lost."""
        for store, new in ((self._item, items), (self._ordered, ordered), (self._time, times)):
            store[users, :-1] = store[users, 1:]
            store[users, -1] = new
