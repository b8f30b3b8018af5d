"""The groups of sessions that evaluation reports apart."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import SESSION, UNKNOWN_ID, FeatureSpec, Field
from ranking.training.id_names import UNKNOWN, id_names
from ranking.training.occurrence import occurs_in_history

Batch = Mapping[str, Any]
Codes = npt.NDArray[np.int64]

_HISTORY_NAMES = ("0", "1-3", "4-10", ">10")
_HISTORY_BOUNDS = (1, 4, 11)


class Segmentation:
    """Maps encoded batches to the segment of each session, along several dimensions.

    Dimensions: `history` (how many behaviors the encoder kept), `category` (`old` where at least
    half of the candidates have a category that occurs among the behaviors, else `new`; needs
    `roles.category`), the field of `roles.scenario` and every field of `roles.segments`. Within a
    dimension a segment is a code; `name` tells what it stands for. That those fields can be
    segments, and no two dimensions have one name, was checked when the spec was read.

    Args:
        spec: The fields of the batches.
        vocabulary_folder: Where `<table>.txt` lies for tables with a vocabulary; without it their
            segments are called by id.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: str | Path | None = None) -> None:
        self._readers: dict[str, Callable[[Batch], Codes]] = {"history": _history_codes}
        self._names: dict[str, Callable[[int], str]] = {"history": _HISTORY_NAMES.__getitem__}
        if spec.roles.category is not None:
            self._readers["category"] = _category_reader(spec, spec.roles.category)
            self._names["category"] = ("new", "old").__getitem__
        scenario = () if spec.roles.scenario is None else (spec.roles.scenario,)
        for name in dict.fromkeys((*scenario, *spec.roles.segments)):
            self._add_field(spec, spec.field(SESSION, name), vocabulary_folder)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What sessions are told apart by."""
        return tuple(self._readers)

    def codes(self, batch: Batch) -> dict[str, Codes]:
        """The segment code of each session of an encoded batch, `[B]` for each dimension."""
        return {dimension: read(batch) for dimension, read in self._readers.items()}

    def name(self, dimension: str, code: int) -> str:
        """What a code of a dimension stands for, for example `1-3`."""
        return self._names[dimension](code)

    def _add_field(
        self, spec: FeatureSpec, field: Field, vocabulary_folder: str | Path | None
    ) -> None:
        if field.kind == "id":
            self._readers[field.name] = lambda batch: _ids(batch, field.key)
            self._names[field.name] = id_names(spec.table_of(field), vocabulary_folder)
        else:
            values = _SeenValues(field.key)
            self._readers[field.name] = values.codes
            self._names[field.name] = values.name


class _SeenValues:
    """Numbers the values of a metadata field in the order of their appearance."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._codes: dict[str, int] = {}

    def codes(self, batch: Batch) -> Codes:
        values, inverse = np.unique(np.asarray(batch[self._key]), return_inverse=True)
        texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
        codes = [self._codes.setdefault(text or UNKNOWN, len(self._codes)) for text in texts]
        return np.array(codes, dtype=np.int64)[inverse.reshape(-1)]

    def name(self, code: int) -> str:
        return list(self._codes)[code]


def _ids(batch: Batch, key: str) -> Codes:
    # Padding would only stand for a session without the field, which is unknown as well.
    return np.maximum(np.asarray(batch[key], dtype=np.int64), UNKNOWN_ID)


def _history_codes(batch: Batch) -> Codes:
    return np.digitize(np.asarray(batch["behaviors_length"]), _HISTORY_BOUNDS).astype(np.int64)


def _category_reader(spec: FeatureSpec, category: str) -> Callable[[Batch], Codes]:
    def read(batch: Batch) -> Codes:
        lengths = np.asarray(batch["candidates_length"])
        known = occurs_in_history(batch, spec, category)
        valid = np.arange(known.shape[1]) < lengths[:, None]
        return (2 * (known & valid).sum(axis=1) >= lengths).astype(np.int64)

    return read
