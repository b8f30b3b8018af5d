"""Records to what the source gave: row numbers become values again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from ranking.features.record_layout import UNKNOWN, PackedFeature, record_layout
from ranking.features.record_padding import padded
from ranking.features.records import parse_records
from ranking.features.row_numbers import read_row_numbers
from ranking.features.session_columns import section_of
from ranking.features.spec import SESSION, UNKNOWN_ID, FeatureSpec, Field

Values = dict[str, Any]


class RecordValues:
    """Maps serialized records to raw values, eagerly: for tools and checks, not for training.

    Args:
        spec: The spec that the records were written with.
        vocabulary_folder: Folder of its vocabulary files.

    Raises:
        OSError: If a vocabulary file cannot be read.
        ValueError: If a vocabulary file breaks a rule.
    """

    def __init__(self, spec: FeatureSpec, vocabulary_folder: Path) -> None:
        self._spec = spec
        self._layout = record_layout(spec)
        self._rows = read_row_numbers(spec, vocabulary_folder)

    def parse(self, serialized: Any) -> Values:
        """Maps records `[B]` to raw values by field key.

        Session fields become tensors `[B]` (several ids: ragged `[B, (M)]`), fields of behaviors
        ragged tensors `[B, (T)]`, fields of candidates and labels `[B, (C)]` (several ids: one more
        ragged dimension). What is missing is a `missing_value`, or an empty list of ids.

        Raises:
            tf.errors.InvalidArgumentError: If a record does not fit the spec.
            ValueError: If a record lacks the text of an id that its table does not know.
        """
        parsed = parse_records(self._spec, serialized)
        unknown = self._unknown_texts(serialized)
        values: Values = {field.key: parsed[field.key] for field in self._layout.texts}
        for packed in self._layout.packed:
            values |= self._columns(packed, parsed[packed.key], unknown)
        for field in self._layout.ids:
            ids = parsed[field.key]
            if field.table in self._rows:
                texts = unknown[field.key + UNKNOWN]
                ids = ids.with_flat_values(self._raw(field, ids.flat_values.numpy(), texts))
            values[field.key] = ids
        return {field.key: values[field.key] for field in self._spec.record_fields}

    def raw_batch(self, serialized: Any) -> Values:
        """Maps records to the dense, padded raw batch that servers get, labels and metadata too.

        Single values become `[B]`, `[B, T]` and `[B, C]`, several ids `[B, M]`, `[B, T, M]` and
        `[B, C, M]`. Every width is at least 1; padding is empty text or 0. Labels become float32.
        Added are the int32 lengths `behaviors_length [B]`, `candidates_length [B]` and, for several
        ids, `<key>_length` of shape `[B]`, `[B, T]` or `[B, C]`.

        Raises:
            tf.errors.InvalidArgumentError: If a record does not fit the spec.
            ValueError: If a record lacks the text of an id that its table does not know.
        """
        values = self.parse(serialized)
        batch: Values = {}
        for field in self._spec.record_fields:
            value = values[field.key]
            if field.section != SESSION:
                length = tf.cast(value.row_lengths(), tf.int32)
                batch.setdefault(f"{section_of(field)}_length", length)
            if field.kind == "ids":
                lengths = value.row_lengths(axis=value.ragged_rank)
                batch[field.length_key] = tf.cast(padded(lengths), tf.int32)
            dense = padded(value)
            batch[field.key] = tf.cast(dense, tf.float32) if field.kind == "label" else dense
        return batch

    def _unknown_texts(self, serialized: Any) -> dict[str, pa.Array]:
        """The texts of unknown ids of all records, in order, by feature."""
        sections = {packed.section for packed in self._layout.packed}
        keys = [name + UNKNOWN for name in (*sections, *(field.key for field in self._layout.ids))]
        if not keys:
            return {}
        texts = tf.io.parse_example(
            serialized, {key: tf.io.VarLenFeature(tf.string) for key in keys}
        )
        return {key: _strings(texts[key].values) for key in keys}

    def _columns(
        self, packed: PackedFeature, value: Any, unknown: Mapping[str, pa.Array]
    ) -> Values:
        """The values of each field of a packed feature."""
        matrix = (value if packed.section == SESSION else value.values).numpy()
        numbered = [place for place, one in enumerate(packed.fields) if one.table in self._rows]
        is_unknown = np.zeros(matrix.shape, bool)
        is_unknown[:, numbered] = matrix[:, numbered] == UNKNOWN_ID
        texts = unknown[packed.section + UNKNOWN] if numbered else None
        if texts is not None and len(texts) != is_unknown.sum():
            raise ValueError(
                f"`{packed.section}{UNKNOWN}` must have a text for each id in `{packed.key}` that "
                f"its table does not know. Received: {len(texts)} for {is_unknown.sum()} ids"
            )
        order = np.cumsum(is_unknown).reshape(matrix.shape) - 1
        columns: Values = {}
        for place, field in enumerate(packed.fields):
            column: Any = matrix[:, place]
            if texts is not None and place in numbered:
                chosen = order[is_unknown[:, place], place]
                column = self._raw(field, column, texts.take(pa.array(chosen)))
            column = tf.convert_to_tensor(column)
            columns[field.key] = column if packed.section == SESSION else value.with_values(column)
        return columns

    def _raw(self, field: Field, numbers: np.ndarray, unknown: pa.Array) -> tf.Tensor:
        try:
            values = self._rows[str(field.table)].values(numbers, unknown)
        except ValueError as error:
            raise ValueError(f"`{field.key}` {error}") from error
        if pa.types.is_string(values.type):
            return tf.constant(values.to_pylist(), tf.string)
        return tf.constant(values.to_numpy(zero_copy_only=False))


def _strings(texts: tf.Tensor) -> pa.Array:
    return pa.array(texts.numpy().tolist(), pa.binary()).cast(pa.string())
