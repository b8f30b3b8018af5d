"""How often a candidate was had by the users who had the items of a history."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.sources.flat_lists import ranges
from ranking.sources.fold_counts import NO_FOLD, FoldCounts
from ranking.sources.sequence_file import Integers, UserSequences

SUM, MOST, RECENT = "together", "together_most", "together_recent"
NAMES = (SUM, MOST, RECENT)
Columns = dict[str, npt.NDArray[np.float32]]

_FOLDS = 10


class ItemCompanions:
    """Maps sessions to three numbers of each candidate, all of the nearness of two items.

    Items a and b are near as far as users who have the one have the other:

        near(a, b) = users with both / sqrt(users with a * users with b), from 0 to 1

    `together` is the sum of a candidate's nearness to the items of the history, `together_most` the
    largest, `together_recent` the sum of each over its steps back from the target.

    Train users alone are counted, without those of the fold that the session's user is in: what a
    user chose would tell of that very choice (see `FoldCounts`).

    Args:
        sequences: What users did.
        train: The users that are counted.
        generator: Draws their folds.
    """

    def __init__(
        self, sequences: UserSequences, train: Integers, generator: np.random.Generator
    ) -> None:
        self._sequences = sequences
        self._folds = np.full(len(sequences.users), NO_FOLD)
        self._folds[train] = generator.integers(_FOLDS, size=len(train))
        numbers = np.full(len(sequences.users), -1)
        numbers[train] = np.arange(len(train))
        owners = numbers[sequences.owners]
        self._counts = FoldCounts(
            owners[owners >= 0],
            sequences.sequence[owners >= 0],
            self._folds[train],
            num_values=len(sequences.items),
        )

    def __call__(self, users: Integers, positions: Integers, candidates: Integers) -> Columns:
        """Users `[S]`, positions of their targets `[S]`, candidates `[S, C]` -> columns `[S, C]`.

        The history is everything before the target.
        """
        owners, steps = ranges(np.ones_like(positions), positions)  # Newest behaviors first.
        at = (self._sequences.offsets[users] + positions)[owners] - steps
        near = self._nearness(
            self._folds[users[owners]], self._sequences.sequence[at], candidates[owners]
        )
        return {
            SUM: _reduced(np.add, near, positions),
            MOST: _reduced(np.maximum, near, positions),
            RECENT: _reduced(np.add, near / steps[:, None], positions),
        }

    def _nearness(
        self, folds: Integers, history: Integers, candidates: Integers
    ) -> npt.NDArray[np.float32]:
        """Folds `[H]`, items `[H]`, candidates `[H, C]` -> `[H, C]`; 0 of an item to itself."""
        both = self._counts.having_both(folds, history[:, None], candidates)[:, 0]
        first = self._counts.having(folds, history[:, None])
        scale = np.sqrt(first * self._counts.having(folds, candidates))
        return np.divide(both, scale, out=np.zeros_like(both), where=both > 0)


def _reduced(
    function: np.ufunc, values: npt.NDArray[Any], lengths: Integers
) -> npt.NDArray[np.float32]:
    """Rows `[H, C]`, `lengths` `[S]` of them for one session after the other -> `[S, C]`.

    Sessions without rows have zeros.
    """
    has_any = lengths > 0
    starts = (np.cumsum(lengths) - lengths)[has_any]
    reduced = np.zeros((len(lengths), values.shape[1]), np.float32)
    if len(starts):  # Numpy refuses to reduce nothing.
        reduced[has_any] = function.reduceat(values, starts, axis=0)
    return reduced
