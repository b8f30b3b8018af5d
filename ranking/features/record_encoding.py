"""Session table to `tf.train.Example` bytes, whole columns at a time, without TensorFlow.

The protocol buffer is put together from slices: a column's values are brought into wire format
once, in one buffer, and a session's part of it is a slice. That is faster than filling message
objects, and workers need not import TensorFlow. Features are in the order of their keys, so equal
sessions give equal bytes.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.global_labels import GlobalLabels
from ranking.features.missing_values import missing_value
from ranking.features.record_layout import (
    FLAT_VALUES,
    ROW_LENGTHS,
    UNKNOWN,
    PackedFeature,
    record_layout,
)
from ranking.features.row_numbers import read_row_numbers
from ranking.features.session_columns import (
    SectionColumns,
    cut_columns,
    list_offsets,
    session_columns,
    with_columns,
)
from ranking.features.spec import SESSION, UNKNOWN_ID, FeatureSpec, Field
from ranking.features.wire_format import WireFeature, serialized_examples, wire_feature

Sections = Mapping[str, SectionColumns]


class RecordEncoder:
    """Maps sessions to serialized records; `record_layout` says what is in them.

    The sessions are taken to be valid; `validation.validate_sessions` checks.

    Args:
        spec: A resolved spec.
        vocabulary_folder: Folder of its vocabulary files, one `<table>.txt` each.

    Raises:
        OSError: If a vocabulary file cannot be read.
        ValueError: If a vocabulary file breaks a rule.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: Path) -> None:
        self.spec = spec
        self._layout = record_layout(spec)
        self._rows = read_row_numbers(spec, vocabulary_folder)

    def encode_batch(self, batch: pa.RecordBatch) -> list[bytes]:
        """Maps n sessions to n records.

        Behaviors beyond the newest `spec.behaviors_max_length` and ids beyond the first
        `max_length` are left out. The sessions are taken for a whole split where the spec has
        global labels.

        Raises:
            ValueError: If a column is missing.
        """
        sections = session_columns(self.spec, batch)
        if self.spec.global_labels:
            labels = GlobalLabels(self.spec)
            labels.add(sections)
            sections = with_columns(sections, labels.columns(sections))
        return self.encode(cut_columns(self.spec, sections))

    def encode(self, sections: Sections) -> list[bytes]:
        """Maps the columns that `session_columns.cut_columns` returned to records.

        The candidates' columns hold the global labels too, where the spec has some.
        """
        features = []
        for packed in self._layout.packed:
            features += self._packed(packed, sections[packed.section])
        for field in self._layout.texts:
            section = sections[field.section]
            texts = _filled(field, section.columns[field.key])
            features.append(wire_feature(field.key, texts, section.offsets))
        for field in self._layout.ids:
            features += self._several_ids(field, sections[field.section])
        return serialized_examples(features, len(sections[SESSION].lengths))

    def _packed(self, packed: PackedFeature, section: SectionColumns) -> list[WireFeature]:
        """The list that the fields share, and the texts that no row number stands for."""
        columns = [_filled(field, section.columns[field.key]) for field in packed.fields]
        rows = [self._values(*pair) for pair in zip(packed.fields, columns, strict=True)]
        values = np.stack(rows, axis=1) if len(rows) > 1 else rows[0]
        features = [wire_feature(packed.key, values.reshape(-1), section.offsets * packed.width)]
        unknown = {
            place: values.reshape(-1, packed.width)[:, place] == UNKNOWN_ID
            for place, field in enumerate(packed.fields)
            if self._is_numbered(field)
        }
        if any(mask.any() for mask in unknown.values()):
            key = packed.section + UNKNOWN
            features.append(_unknown_texts(key, columns, unknown, section))
        return features

    def _several_ids(self, field: Field, section: SectionColumns) -> list[WireFeature]:
        column = section.columns[field.key]
        bounds = list_offsets(column)
        ids, offsets = column.flatten(), bounds[section.offsets]
        features = []
        if field.section != SESSION:
            lengths = np.diff(bounds)
            features.append(wire_feature(field.key + ROW_LENGTHS, lengths, section.offsets))
        values = ids
        if self._is_numbered(field):
            values = self._values(field, ids)
            mask = values == UNKNOWN_ID
            if mask.any():
                flat = SectionColumns(offsets, {})
                features.append(_unknown_texts(field.key + UNKNOWN, [ids], {0: mask}, flat))
        key = field.key if field.section == SESSION else field.key + FLAT_VALUES
        return [*features, wire_feature(key, values, offsets)]

    def _is_numbered(self, field: Field) -> bool:
        return field.table in self._rows

    def _values(self, field: Field, column: pa.Array) -> np.ndarray:
        if self._is_numbered(field):
            return self._rows[str(field.table)].numbers(column)
        values: np.ndarray = column.to_numpy(zero_copy_only=False)
        return values


def _filled(field: Field, column: pa.Array) -> pa.Array:
    return column.fill_null(missing_value(field)) if column.null_count else column


def _unknown_texts(
    key: str,
    columns: list[pa.Array],
    unknown: Mapping[int, np.ndarray],
    section: SectionColumns,
) -> WireFeature:
    """The texts of unknown ids, element by element.

    Args:
        key: The feature's key.
        columns: The ids, and other values, of n elements.
        unknown: For each column that may hold unknown ids, by its number, which are, `[n]`.
        section: Which session owns which elements.
    """
    count = sum(mask.astype(np.int64) for mask in unknown.values())
    texts = [
        columns[place].filter(pa.array(mask)).cast(pa.string()) for place, mask in unknown.items()
    ]
    elements = np.concatenate([np.flatnonzero(mask) for mask in unknown.values()])
    # Stable: of one element, the columns stay in their order.
    order = np.argsort(elements, kind="stable")
    in_order = pc.take(pa.concat_arrays(texts), pa.array(order))
    bounds = np.concatenate([[0], np.cumsum(count)])
    return wire_feature(key, in_order, bounds[section.offsets], may_be_absent=True)
