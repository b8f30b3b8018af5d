"""Session table to `tf.train.Example` bytes, whole columns at a time, without TensorFlow.

The protocol buffer is put together from slices: a column's values are brought into wire format
once, in one buffer, and a session's part of it is a slice. That is faster than filling message
objects, and workers need not import TensorFlow. Features are in the order of
their keys, so equal sessions give equal bytes.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.global_labels import GlobalLabels
from ranking.features.missing_values import missing_value
from ranking.features.session_columns import (
    SectionColumns,
    cut_columns,
    list_offsets,
    section_of,
    session_columns,
    with_columns,
)
from ranking.features.spec import SESSION, FeatureSpec, Field

FLAT_VALUES = "/ragged_flat_values"
ROW_LENGTHS = "/ragged_row_lengths_0"

# Wire tags: field number * 8 + 2, where 2 means "length-delimited".
_FIRST, _SECOND, _THIRD = b"\x0a", b"\x12", b"\x1a"
_LIST_TAGS = {"string": _FIRST, "float32": _SECOND, "int64": _THIRD}  # The kinds in `Feature`.


def encode_batch(spec: FeatureSpec, batch: pa.RecordBatch) -> list[bytes]:
    """Maps n sessions to n serialized `tf.train.Example`s.

    Behaviors beyond the newest `spec.behaviors_max_length` and ids beyond the first `max_length`
    are left out. Missing optional values are absent; in a list where only some are missing, they
    are `missing_value`s. The sessions are taken to be valid; `validation.validate_sessions` checks.
    They are taken for a whole split where the spec has global labels.

    Args:
        spec: The spec that the batch's schema follows.
        batch: Sessions, in the schema of `ranking.sources.session_table.arrow_schema`.

    Raises:
        ValueError: If a column is missing.
    """
    sections = session_columns(spec, batch)
    if spec.global_labels:
        labels = GlobalLabels(spec)
        labels.add(sections)
        sections = with_columns(sections, labels.columns(sections))
    return encode_columns(spec, cut_columns(spec, sections))


def encode_columns(spec: FeatureSpec, sections: Mapping[str, SectionColumns]) -> list[bytes]:
    """Maps the columns that `session_columns.cut_columns` returned to serialized records.

    The candidates' columns hold the global labels too, where the spec has some.
    """
    features = []
    for field in spec.record_fields:
        section = sections[section_of(field)]
        features.extend(_features_of(field, section.columns[field.key], section))
    features.sort(key=lambda feature: feature.key)
    entries = zip(*(feature.entries() for feature in features), strict=True)
    return [_delimited(_FIRST, b"".join(parts)) for parts in entries]


@dataclasses.dataclass(frozen=True)
class _Feature:
    """One feature of n records, in wire format.

    Attributes:
        key: Its name in the record.
        dtype: Kind of the list.
        data: The values of all records, one after the other.
        bounds: Record i owns the bytes `bounds[i]:bounds[i + 1]`.
        absent: Which records lack the feature; `None` where no record does.
    """

    key: str
    dtype: str
    data: bytes
    bounds: list[int]
    absent: list[bool] | None

    def entries(self) -> Iterator[bytes]:
        """The feature's entry in the map of each record; empty where it is absent."""
        headers: dict[int, bytes] = {}
        data, start = self.data, self.bounds[0]
        for number, end in enumerate(self.bounds[1:]):
            if self.absent is not None and self.absent[number]:
                yield b""
            else:
                header = headers.get(end - start)
                if header is None:
                    header = headers.setdefault(end - start, self._header(end - start))
                yield header + data[start:end]
            start = end

    def _header(self, size: int) -> bytes:
        """Everything before the values: map entry, key, `Feature`, list; all know their size."""
        if self.dtype == "string":
            list_header = b""  # Every text brings its own tag.
        else:
            list_header = _FIRST + _varint(size) if size else b""
        feature_header = _LIST_TAGS[self.dtype] + _varint(len(list_header) + size) + list_header
        key = _delimited(_FIRST, self.key.encode())
        entry_header = key + _SECOND + _varint(len(feature_header) + size) + feature_header
        return _FIRST + _varint(len(entry_header) + size) + entry_header


def _features_of(field: Field, column: pa.Array, section: SectionColumns) -> list[_Feature]:
    if field.kind != "ids":
        filled = column.fill_null(missing_value(field)) if column.null_count else column
        absent = _absent(field, column, section)
        return [_feature(field.key, field.dtype, filled, section.offsets, absent)]
    value_offsets = list_offsets(column)
    values = column.flatten()
    if field.section == SESSION:
        absent = _absent(field, column, section)
        return [_feature(field.key, field.dtype, values, value_offsets, absent)]
    lengths = pa.array(np.diff(value_offsets))
    flat_offsets = value_offsets[section.offsets]
    return [
        _feature(field.key + FLAT_VALUES, field.dtype, values, flat_offsets, None),
        _feature(field.key + ROW_LENGTHS, "int64", lengths, section.offsets, None),
    ]


def _absent(field: Field, column: pa.Array, section: SectionColumns) -> list[bool] | None:
    """Which sessions have elements but none with a value of an optional field."""
    if not field.optional or not column.null_count:
        return None
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    valid_before = np.concatenate([[0], np.cumsum(valid)])[section.offsets]
    absent: list[bool] = ((np.diff(valid_before) == 0) & (section.lengths > 0)).tolist()
    return absent


def _feature(
    key: str, dtype: str, values: pa.Array, offsets: np.ndarray, absent: list[bool] | None
) -> _Feature:
    if dtype == "float32":
        data = values.to_numpy(zero_copy_only=False).astype("<f4", copy=False).tobytes()
        return _Feature(key, dtype, data, (offsets * 4).tolist(), absent)
    if dtype == "int64":
        data, value_bounds = _wire_integers(values.to_numpy(zero_copy_only=False))
    else:
        data, value_bounds = _wire_texts(values)
    return _Feature(key, dtype, data, value_bounds[offsets].tolist(), absent)


def _wire_texts(values: pa.Array) -> tuple[bytes, np.ndarray]:
    """Maps n texts to their wire format, each with its tag and size, and its `[n + 1]` bounds."""
    binary = values.cast(pa.large_binary())
    lengths = pc.binary_length(binary).to_numpy(zero_copy_only=False)
    distinct, indices = np.unique(lengths, return_inverse=True)
    headers = pa.array([_FIRST + _varint(int(length)) for length in distinct], pa.large_binary())
    separator = pa.scalar(b"", pa.large_binary())
    encoded = pc.binary_join_element_wise(headers.take(pa.array(indices)), binary, separator)
    if not len(encoded):
        return b"", np.zeros(1, np.int64)
    _, bounds, data = encoded.buffers()
    first = encoded.offset
    return data.to_pybytes(), np.frombuffer(bounds, np.int64)[first : first + len(encoded) + 1]


def _wire_integers(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Maps int64 `[n]` to their varints and the `[n + 1]` bounds of those.

    A varint is the number in base 128, lowest digit first, with 128 added to all digits but the
    last; a negative number is written as its two's complement.
    """
    unsigned = values.astype(np.uint64)
    shifts = np.arange(0, 64, 7, dtype=np.uint64)
    rest = unsigned[:, None] >> shifts
    used = rest > 0
    used[:, 0] = True
    continues = np.zeros_like(used)
    continues[:, :-1] = used[:, 1:]
    digits = (rest & np.uint64(127)).astype(np.uint8) | (continues.astype(np.uint8) << 7)
    bounds = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
    return digits[used].tobytes(), bounds


def _varint(value: int) -> bytes:
    """Maps a size to its varint; `_wire_integers` says what that is."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content
