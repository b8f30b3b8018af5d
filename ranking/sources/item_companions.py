"""How often a candidate was had by the users who had the items of a history."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.sources.flat_lists import ranges
from ranking.sources.fold_counts import NO_FOLD, FoldCounts
from ranking.sources.item_attributes import ItemAttributes
from ranking.sources.sequence_file import Integers, UserSequences

SUM, MOST, RECENT = "together", "together_most", "together_recent"
_FIELDS = ("", "category_", "brand_")
NAMES = tuple(field + name for field in _FIELDS for name in (SUM, MOST, RECENT))
Columns = dict[str, npt.NDArray[np.float32]]

_FOLDS = 10
_PER = np.float32(1000)


class ItemCompanions:
    """Maps sessions to numbers of each candidate, all of the nearness of two items.

    Items a and b are near as far as users who have the one have the other:

        near(a, b) = 1000 * users with both / sqrt(users with a * users with b), from 0 to 1000

    Most are far below a tenth of that, so take logarithms: `log1p` of thousandths tells 0 from
    little and little from much.

    `together` is the sum of a candidate's nearness to the items of the history, `together_most` the
    largest, `together_recent` the sum of each over its steps back from the target. The columns that
    start with `category_` and `brand_` say the same of the categories and brands of the items. A
    value is not near itself: how often it comes back is no matter of companions.

    What train sees is counted alone, without the users of the fold that the session's user is in:
    what a user chose would tell of that very choice (see `FoldCounts`).

    Args:
        sequences: What users did.
        attributes: Categories and brands of the items.
        train: The users of train.
        is_trained: Which elements of the sequence train sees, those of other users not.
        generator: Draws the folds of the users.
    """

    def __init__(
        self,
        sequences: UserSequences,
        attributes: ItemAttributes,
        train: Integers,
        is_trained: npt.NDArray[np.bool_],
        generator: np.random.Generator,
    ) -> None:
        self._sequences = sequences
        self._folds = np.full(len(sequences.users), NO_FOLD)
        self._folds[train] = generator.integers(_FOLDS, size=len(train))
        numbers = np.full(len(sequences.users), -1)
        numbers[train] = np.arange(len(train))
        owners = numbers[sequences.owners]
        items = np.arange(1, len(sequences.items) + 1)
        of_fields = (items, attributes.categories, attributes.brands)
        self._values = dict(zip(_FIELDS, of_fields, strict=True))  # 0 for none.
        self._counts = {}
        for field, values in self._values.items():
            had = values[sequences.sequence]
            is_counted = is_trained & (had > 0)
            self._counts[field] = FoldCounts(
                owners[is_counted],
                had[is_counted],
                self._folds[train],
                num_values=int(values.max()) + 1,
            )

    def __call__(self, users: Integers, positions: Integers, candidates: Integers) -> Columns:
        """Users `[S]`, positions of their targets `[S]`, candidates `[S, C]` -> columns `[S, C]`.

        The history is everything before the target.
        """
        owners, steps = ranges(np.ones_like(positions), positions)  # Newest behaviors first.
        at = (self._sequences.offsets[users] + positions)[owners] - steps
        folds, history = self._folds[users[owners]], self._sequences.sequence[at]
        columns: Columns = {}
        for field, values in self._values.items():
            counts = self._counts[field]
            near = _nearness(counts, folds, values[history], values[candidates][owners])
            columns[field + SUM] = _reduced(np.add, near, positions)
            columns[field + MOST] = _reduced(np.maximum, near, positions)
            columns[field + RECENT] = _reduced(np.add, near / steps[:, None], positions)
        return columns


def _nearness(
    counts: FoldCounts, folds: Integers, history: Integers, candidates: Integers
) -> npt.NDArray[np.float32]:
    """Folds `[H]`, values `[H]` and of candidates `[H, C]` -> `[H, C]`; 0 of a value to itself."""
    both = counts.having_both(folds, history[:, None], candidates)[:, 0]
    first = counts.having(folds, history[:, None])
    scale = np.sqrt(first * counts.having(folds, candidates))
    return np.divide(_PER * both, scale, out=np.zeros_like(both), where=both > 0)


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
