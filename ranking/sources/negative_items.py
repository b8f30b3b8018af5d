"""Draws items that a user never interacted with."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ranking.sources.sequence_file import Integers, UserSequences
from ranking.sources.source_error import SourceError

Booleans = npt.NDArray[np.bool_]
Proposals = Callable[[Integers, Booleans], Integers]


class NegativeItems:
    """Maps users to items that are nowhere in their sequences, no item twice in a draw.

    Drawing is by rejection: an item of the user's own, or one that the draw already holds, is
    drawn again. So each draw is a uniform (or weighted) draw without replacement from the others.

    Args:
        sequences: What users did.
        pool: Items to draw from, each as often as it weighs; every item once when left out.
    """

    def __init__(self, sequences: UserSequences, *, pool: Integers | None = None) -> None:
        owners, num_items = sequences.owners, len(sequences.items)
        self.num_items = num_items
        self.pool = np.arange(num_items) if pool is None else pool
        self._own = np.sort(owners * num_items + sequences.sequence)
        in_pool = np.zeros(num_items, np.int64)
        in_pool[self.pool] = 1
        own_in_pool = np.bincount(owners, in_pool[sequences.sequence])
        self._available = in_pool.sum() - own_in_pool  # [users]

    def check_count(self, count: int, users: Integers, option: str) -> None:
        """Checks that every user leaves at least `count` items to draw.

        Raises:
            SourceError: Names `option` if some user does not.
        """
        fewest = int(self._available[users].min(initial=self.num_items))
        if count > fewest:
            raise SourceError(
                f"Option `{option}` must be at most {fewest}, as some user leaves no more items "
                f"to draw. Received: {option}={count}"
            )

    def draw(
        self, users: Integers, targets: Integers, count: int, generator: np.random.Generator
    ) -> Integers:
        """Maps users `[S]` and their targets `[S]` to items `[S, count]`.

        `check_count` must have passed, else this never ends.
        """
        propose = self._proposals(users, targets, count, generator)
        rows = np.arange(len(users))
        refused = np.ones((len(users), count), np.bool_)
        items = np.zeros(refused.shape, self.pool.dtype)
        while len(rows):
            drawn = items[rows]
            drawn[refused] = propose(rows, refused)
            items[rows] = drawn
            refused = self._is_own(users[rows], drawn) | _is_repeated(drawn)
            is_wrong = refused.any(axis=1)
            rows, refused = rows[is_wrong], refused[is_wrong]
        return items

    def _proposals(
        self, users: Integers, targets: Integers, count: int, generator: np.random.Generator
    ) -> Proposals:
        """A function of rows `[R]` and places in them `[R, count]` to items for places that are
        true, in their order."""
        del users, targets  # Any item will do for anyone.

        def propose(rows: Integers, places: Booleans) -> Integers:
            del rows
            return self.pool[generator.integers(len(self.pool), size=np.count_nonzero(places))]

        return propose

    def _is_own(self, users: Integers, items: Integers) -> Booleans:
        keys = users[:, None] * self.num_items + items
        found = np.searchsorted(self._own, keys).clip(max=len(self._own) - 1)
        return self._own[found] == keys


def _is_repeated(items: Integers) -> Booleans:
    """True where a row holds the same item further left."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    repeated = np.zeros(items.shape, np.bool_)
    np.put_along_axis(repeated, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return repeated
