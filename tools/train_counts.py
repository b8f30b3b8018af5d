"""Who took what in the train split, counted."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION, UNKNOWN_ID, FeatureSpec
from ranking.sources.fold_counts import NO_FOLD, FoldCounts, Integers

Batch = Mapping[str, Any]


class TrainCounts:
    """Counts users by the values that they have, for each `id` field of `roles.item`.

    A user has the values of all behaviors and of all candidates with a positive label, in any
    session of the batches, each once. Where the spec does not name users, a session is a user.

    Args:
        spec: A resolved spec that names the user of a session, or else the session.
        task: The label that says which candidates a user took.
        batches: Encoded batches of the train split, every session once.
        folds: Number of folds that users are divided into, at random.
        seed: Seeds that division.

    Attributes:
        fields: Counts by the name of the field.

    Raises:
        ValueError: If the spec names neither users nor sessions.
    """

    def __init__(
        self, spec: FeatureSpec, task: str, batches: Iterable[Batch], *, folds: int, seed: int
    ) -> None:
        self._user_key = _user_key(spec)
        self._numbers: dict[Any, int] = {}
        fields = [spec.field(CANDIDATES, name) for name in spec.roles.item]
        fields = [field for field in fields if field.kind == "id"]
        label_key = spec.field(LABELS, task).key
        seen: dict[str, list[Integers]] = {field.name: [] for field in fields}
        for batch in batches:
            users = self._numbered(batch)
            is_taken = np.asarray(batch[label_key]) > 0
            for field in fields:
                behaviors = np.asarray(batch[spec.field(BEHAVIORS, field.name).key])
                taken = np.where(is_taken, np.asarray(batch[field.key]), 0)
                values = np.concatenate([behaviors, taken], axis=1)
                seen[field.name].append(_keys(users, values, spec.table_of(field).rows))
        self._folds = np.random.default_rng(seed).integers(folds, size=len(self._numbers))
        self.fields = {
            field.name: self._counted(seen[field.name], spec.table_of(field).rows)
            for field in fields
        }

    def folds(self, batch: Batch) -> Integers:
        """Maps a batch to the fold of each session's user `[B]`; `NO_FOLD` for a new user."""
        folds = np.append(self._folds, NO_FOLD)
        ids = np.asarray(batch[self._user_key]).tolist()
        return folds[np.array([self._numbers.get(one, NO_FOLD) for one in ids], np.int64)]

    def _counted(self, seen: list[Integers], num_values: int) -> FoldCounts:
        keys = np.concatenate([np.zeros(0, np.int64), *seen])
        return FoldCounts(*np.divmod(keys, num_values), self._folds, num_values=num_values)

    def _numbered(self, batch: Batch) -> Integers:
        """The user of each session `[B]`, numbered as they come; padding is nobody."""
        ids = np.asarray(batch[self._user_key]).tolist()
        lengths = np.asarray(batch["candidates_length"])
        numbers = [
            self._numbers.setdefault(one, len(self._numbers)) if length else NO_FOLD
            for one, length in zip(ids, lengths, strict=True)
        ]
        return np.array(numbers, np.int64)


def _keys(users: Integers, values: npt.NDArray[Any], num_values: int) -> Integers:
    """Users `[B]` and values `[B, V]` -> a key of each user and value that is known, each once."""
    keys = users[:, None] * num_values + values
    return np.unique(keys[values > UNKNOWN_ID])


def _user_key(spec: FeatureSpec) -> str:
    name = spec.roles.user_id or spec.roles.session_id
    if name is None:
        raise ValueError(
            f"Spec `{spec.name}` must have the role `user_id` or `session_id`: counts leave out "
            "the user who is scored. Name the field in the spec and prepare the data again."
        )
    return spec.field(SESSION, name).key
