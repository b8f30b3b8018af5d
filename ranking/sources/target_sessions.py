"""Builds session rows from positions in user sequences."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.spec import BEHAVIORS, CANDIDATES
from ranking.sources.flat_lists import add_numbers, bounded_slices, lists, ranges, spans
from ranking.sources.history_counts import HistoryCounts
from ranking.sources.item_attributes import ItemAttributes
from ranking.sources.item_companions import ItemCompanions
from ranking.sources.sequence_file import Integers, UserSequences

_BEHAVIORS_PER_BATCH = 65536


class TargetSessions:
    """Maps targets, a user and a position in the user's sequence each, to rows of a session table.

    The history is everything before the target. The item at the position is the positive, among
    negatives, at the place it is told.

    Shapes are written with S = sessions, C = candidates, negatives and the positive.

    Args:
        sequences: What users did.
        attributes: Attributes of the items.
        popularity: For each item, how many interactions are counted.
        companions: How near candidates are to histories; `None` leaves these columns out.
    """

    def __init__(
        self,
        sequences: UserSequences,
        attributes: ItemAttributes,
        popularity: Integers,
        companions: ItemCompanions | None = None,
    ) -> None:
        self.sequences = sequences
        self.attributes = attributes
        self.popularity = popularity
        self.companions = companions
        self._item_rows = _item_rows(sequences, attributes)
        self._users = pa.array(sequences.users, pa.string())
        positions = sequences.positions
        self._category_counts = self._counts(
            sequences.owners, attributes.categories[sequences.sequence], positions
        )
        self._brand_counts = self._counts(
            sequences.owners, attributes.brands[sequences.sequence], positions
        )
        at, chosen = spans(attributes.offsets, sequences.sequence)
        self._attribute_counts = self._counts(
            sequences.owners[at], attributes.others[chosen], positions[at]
        )

    def batch(
        self,
        users: Integers,
        positions: Integers,
        negatives: Integers,
        places: Integers,
    ) -> pa.RecordBatch:
        """Maps targets to rows.

        Args:
            users: Users `[S]`.
            positions: Positions of the targets `[S]`, from 1.
            negatives: Items `[S, C - 1]`.
            places: Where among the candidates the positive goes `[S]`, from 0 to C - 1.
        """
        targets = self.sequences.items_at(users, positions)
        candidates, labels = _insert(targets, negatives, places)
        columns = {
            "session_id": pa.array(
                [f"{self.sequences.users[u]}:{p}" for u, p in zip(users, positions, strict=True)],
                pa.string(),
            ),
            "user_id": self._users.take(pa.array(users)),
            BEHAVIORS: self._behaviors(users, positions),
            CANDIDATES: self._candidates(users, positions, candidates, labels),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _behaviors(self, users: Integers, positions: Integers) -> pa.ListArray:
        starts = self.sequences.offsets[users]
        targets, at = ranges(starts, positions)
        rows = self._item_rows.take(pa.array(self.sequences.sequence[at]))
        steps_ago = (starts + positions)[targets] - at
        return lists(positions, add_numbers(rows, {"steps_ago": steps_ago}))

    def _candidates(
        self,
        users: Integers,
        positions: Integers,
        candidates: Integers,
        labels: Integers,
    ) -> pa.ListArray:
        items = candidates.ravel()
        together = self.companions(users, positions, candidates) if self.companions else {}
        users, positions = (np.repeat(a, candidates.shape[1]) for a in (users, positions))
        rows = self._item_rows.take(pa.array(items))
        at, chosen = spans(self.attributes.offsets, items)
        attribute_counts = self._attribute_counts(
            users[at], positions[at], self.attributes.others[chosen]
        )
        numbers: dict[str, npt.NDArray[Any]] = {
            "popularity": self.popularity[items],
            "category_matches": self._category_counts(
                users, positions, self.attributes.categories[items]
            ),
            "brand_matches": self._brand_counts(users, positions, self.attributes.brands[items]),
            "attribute_matches": np.bincount(at, attribute_counts, minlength=len(items))
            / np.maximum(np.bincount(at, minlength=len(items)), 1),
            **{name: values.ravel() for name, values in together.items()},
        }
        structs = add_numbers(rows, numbers, purchase=pa.array(labels.ravel()))
        return lists(np.full(len(candidates), candidates.shape[1]), structs)

    def _counts(self, users: Integers, values: Integers, positions: Integers) -> HistoryCounts:
        known = values > 0  # Two items without a brand do not match.
        return HistoryCounts(
            users[known],
            values[known],
            positions[known],
            num_values=len(self.attributes.names),
            num_positions=int(self.sequences.lengths.max()),
        )


def target_slices(positions: Integers) -> list[slice]:
    """Maps targets' positions to slices of them whose histories together are of bounded size."""
    return bounded_slices(positions, _BEHAVIORS_PER_BATCH)


def _item_rows(sequences: UserSequences, attributes: ItemAttributes) -> pa.StructArray:
    """One struct per item, with the fields that behaviors and candidates share."""
    names = pa.array([None, *attributes.names[1:]], pa.string())  # The first stands for none.
    arrays = {
        "item": pa.array(sequences.items, pa.string()),
        "category": names.take(pa.array(attributes.categories)),
        "parent_category": names.take(pa.array(attributes.parents)),
        "brand": names.take(pa.array(attributes.brands)),
        "attributes": pa.ListArray.from_arrays(
            pa.array(attributes.offsets, pa.int32()), names.take(pa.array(attributes.others))
        ),
    }
    return pa.StructArray.from_arrays(list(arrays.values()), names=list(arrays))


def _insert(targets: Integers, negatives: Integers, places: Integers) -> tuple[Integers, Integers]:
    """Candidates and labels `[S, C]`, the target at its place."""
    rows = np.arange(len(targets))
    candidates = np.concatenate([targets[:, None], negatives], axis=1)
    candidates[rows, 0] = candidates[rows, places]
    candidates[rows, places] = targets
    labels = np.zeros_like(candidates)
    labels[rows, places] = 1
    return candidates, labels
