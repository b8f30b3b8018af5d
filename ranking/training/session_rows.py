"""The rows that an evaluation writes of the sessions of a batch."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.record_layout import UNKNOWN
from ranking.features.spec import LABELS, SESSION, UNKNOWN_ID, FeatureSpec
from ranking.metrics.ranked_sessions import Array
from ranking.training.flat_batch import MODEL, Batch, Codes, Flat, FlatBatch
from ranking.training.id_names import id_names
from ranking.training.occurrence import occurs_in_history
from ranking.training.segments import Segmentation
from ranking.training.session_file import Column

Read = Callable[[Batch], npt.NDArray[Any]]

# What `user_codes` takes for nobody. `id_names` may call the unknown otherwise.
_NOBODY = "unknown"


class SessionRows:
    """Maps batches to the columns of `SessionFile`.

    Where there are several tasks, the candidate that `gate` and `target_..._in_history` are about
    is the first positive one of the first task. An `id` that plays `session_id` or `user_id` is
    called by its value. What its table lacks is called by its own text where the batch has that
    (`named_batches`), else `unknown`, as what is missing.

    Args:
        spec: The fields of the batches.
        vocabulary_folder: Where `<table>.txt` lies.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: str | Path | None = None) -> None:
        self._spec = spec
        roles = {"session_id": spec.roles.session_id, "user_id": spec.roles.user_id}
        self._ids = {
            column: _id_reader(spec, name, vocabulary_folder)
            for column, name in roles.items()
            if name is not None
        }
        self._occurrences = {"target_item_in_history": spec.roles.item[0]}
        if spec.roles.category is not None:
            self._occurrences["target_category_in_history"] = spec.roles.category

    def columns(
        self,
        batch: Batch,
        flat: FlatBatch,
        *,
        segments: Mapping[str, npt.NDArray[np.str_]],
        metrics: Mapping[str, Mapping[str, Array]],
        gate: npt.ArrayLike | None = None,
    ) -> dict[str, Column]:
        """The columns of the sessions of one batch that have candidates.

        Args:
            batch: The encoded batch.
            flat: The same without padding.
            segments: By dimension, the name of the segment of each session, `[S]`.
            metrics: By task and name, the metrics of each session, `[S]`.
            gate: `[B, K]`, or `[B, C, K]` where every candidate has its own.
        """
        rows = np.flatnonzero(flat.present)
        columns: dict[str, Column] = {name: read(batch)[rows] for name, read in self._ids.items()}
        columns["history"] = np.asarray(batch["behaviors_length"], dtype=np.int64)[rows]
        columns |= {f"segment.{dimension}": names for dimension, names in segments.items()}
        for task, values in metrics.items():
            columns |= {f"{task}.{name}": value for name, value in values.items()}
            columns[f"{task}.scores"] = _lists(flat.scores[MODEL][task], flat.lengths)
            columns[f"{task}.labels"] = _lists(flat.labels[task], flat.lengths)
        targets = self._targets(batch, next(iter(metrics)))
        if gate is not None:
            columns["gate"] = _vectors(_of_target(np.asarray(gate), targets)[rows])
        for column, name in self._occurrences.items():
            occurs = occurs_in_history(batch, self._spec, name)
            columns[column] = _of_target(occurs[:, :, None], targets)[rows, 0]
        return columns

    def _targets(self, batch: Batch, task: str) -> Codes:
        """The first positive candidate of each session, else the first, `[B]`."""
        labels = np.asarray(batch[self._spec.field(LABELS, task).key])
        lengths = np.asarray(batch["candidates_length"])
        valid = np.arange(labels.shape[1]) < lengths[:, None]
        return np.argmax((labels > 0) & valid, axis=1)


def segment_names(
    segmentation: Segmentation, codes: Mapping[str, Codes]
) -> dict[str, npt.NDArray[np.str_]]:
    """The names of segments, `[S]` by dimension, from their codes."""
    return {
        dimension: _renamed(values, functools.partial(segmentation.name, dimension))
        for dimension, values in codes.items()
    }


def _renamed(values: npt.NDArray[Any], name: Callable[[Any], str]) -> npt.NDArray[np.str_]:
    """Each value's name; every different value is looked up once."""
    different, inverse = np.unique(values, return_inverse=True)
    names = np.array([name(value) for value in different.tolist()], dtype=np.str_)
    return names[inverse.reshape(-1)]


def _id_reader(spec: FeatureSpec, name: str, vocabulary_folder: str | Path | None) -> Read:
    field = spec.field(SESSION, name)
    if field.kind == "id":
        names = id_names(spec.table_of(field), vocabulary_folder)
        return functools.partial(_id_texts, field.key, names)
    if field.dtype == "string":
        return lambda batch: _renamed(np.asarray(batch[field.key]), _text)
    return lambda batch: np.asarray(batch[field.key])


def _id_texts(key: str, name: Callable[[int], str], batch: Batch) -> npt.NDArray[np.str_]:
    ids = np.asarray(batch[key])
    names = np.where(ids > UNKNOWN_ID, _renamed(ids, name), _NOBODY)
    if key + UNKNOWN not in batch:
        return names
    texts = _renamed(np.asarray(batch[key + UNKNOWN]), _text)
    return np.where(texts == "", names, texts)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _of_target(values: npt.NDArray[Any], targets: Codes) -> npt.NDArray[Any]:
    """Values of all candidates `[B, C, K]` -> those of the targets; `[B, K]` stays."""
    if values.ndim == 2:
        return values
    if values.shape[1] == 0:  # no session of the batch has a candidate
        return np.zeros((len(values), values.shape[2]), values.dtype)
    return values[np.arange(len(values)), targets]


def _vectors(values: npt.NDArray[Any]) -> pa.ListArray:
    sessions, size = values.shape
    return _lists(values.reshape(-1).astype(np.float32), np.full(sessions, size))


def _lists(values: Flat, lengths: Codes) -> pa.ListArray:
    """Values one after the other -> a list of float32 for each session."""
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, pa.float32()))
