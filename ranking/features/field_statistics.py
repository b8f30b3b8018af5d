"""What the values of each field are like, over many sessions."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from ranking.features.id_lookup import IdLookup
from ranking.features.running_moments import RunningMoments
from ranking.features.session_columns import SectionColumns, list_offsets, section_of
from ranking.features.spec import UNKNOWN_ID, FeatureSpec, Field
from ranking.features.text import split_text
from ranking.features.value_counter import ValueCounter


@dataclasses.dataclass(frozen=True)
class FieldSummary:
    """Statistics of one field.

    Attributes:
        key: The field's key.
        kind: The field's kind.
        elements: Number of sessions, behaviors or candidates that have the field.
        missing: Share of them without a value.
        values: Number of values; ids and tokens each count.
        distinct: Number of different values.
        unknown: Share of values that the table does not know; `None` without a table.
        mean: Mean of the numbers that are there; `None` for ids and text, as the two below.
        minimum: The smallest.
        maximum: The largest.
    """

    key: str
    kind: str
    elements: int
    missing: float
    values: int
    distinct: int
    unknown: float | None
    mean: float | None
    minimum: float | None
    maximum: float | None


class FieldStatistics:
    """Maps sessions to a `FieldSummary` of each field.

    Args:
        spec: A resolved spec.
        vocabulary_folder: Folder of its vocabulary files.

    Raises:
        ValueError: If a vocabulary file is missing or is not the one that the spec names.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: Path) -> None:
        lookups = {table.name: IdLookup(table, vocabulary_folder) for table in spec.tables.values()}
        self._fields = [
            _OneField(field, lookups[field.table] if field.table else None)
            for field in spec.record_fields
        ]

    def add(self, sections: Mapping[str, SectionColumns]) -> None:
        """Adds sessions, with null where a value is missing."""
        for one in self._fields:
            one.add(sections[section_of(one.field)].columns[one.field.key])

    def summaries(self) -> list[FieldSummary]:
        """The statistics of all fields, in the spec's order."""
        return [one.summary() for one in self._fields]


class _OneField:
    """The statistics of one field so far."""

    def __init__(self, field: Field, lookup: IdLookup | None) -> None:
        self.field = field
        self._lookup = lookup
        self._counter = ValueCounter(field.dtype)
        self._moments = RunningMoments()
        self._elements = self._missing = self._values = self._unknown = 0
        self._low, self._high = math.inf, -math.inf

    def add(self, column: pa.Array) -> None:
        values = self._split(column)
        self._elements += len(column)
        self._values += len(values)
        self._counter.add(values)
        if self._lookup is not None:
            ids = self._lookup(tf.constant(values.to_pylist(), self.field.dtype))
            self._unknown += int(tf.math.count_nonzero(ids == UNKNOWN_ID))
        elif self.field.dtype != "string" and len(values):
            numbers = values.to_numpy(zero_copy_only=False)
            self._moments.add(numbers)
            self._low = min(self._low, float(numbers.min()))
            self._high = max(self._high, float(numbers.max()))

    def summary(self) -> FieldSummary:
        has_numbers = self._lookup is None and self.field.dtype != "string" and self._values > 0
        return FieldSummary(
            key=self.field.key,
            kind=self.field.kind,
            elements=self._elements,
            missing=self._missing / max(self._elements, 1),
            values=self._values,
            distinct=self._counter.distinct,
            unknown=None if self._lookup is None else self._unknown / max(self._values, 1),
            mean=self._moments.mean if has_numbers else None,
            minimum=self._low if has_numbers else None,
            maximum=self._high if has_numbers else None,
        )

    def _split(self, column: pa.Array) -> pa.Array:
        """The column's single values; counts the elements that have none."""
        if self.field.kind == "ids":
            self._missing += int((np.diff(list_offsets(column)) == 0).sum())
            return column.flatten()
        present = column.drop_null()
        if self.field.kind == "text":
            tokens = split_text(tf.constant(present.to_pylist(), tf.string))
            tokens = tokens[:, : self.field.max_length]
            self._missing += len(column) - int(tf.math.count_nonzero(tokens.row_lengths()))
            return pa.array(tokens.values.numpy().tolist(), pa.binary()).cast(pa.string())
        if pa.types.is_floating(present.type):
            present = present.filter(pc.invert(pc.is_nan(present)))
        self._missing += len(column) - len(present)
        return present
