"""Columns to the wire format of `tf.train.Example`."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Wire tags: field number * 8 + 2, where 2 means "length-delimited".
_FIRST, _SECOND, _THIRD = b"\x0a", b"\x12", b"\x1a"
_LIST_TAGS = {"string": _FIRST, "float32": _SECOND, "int64": _THIRD}  # The kinds in `Feature`.


@dataclasses.dataclass(frozen=True)
class WireFeature:
    """One feature of n records, in wire format.

    Attributes:
        key: Its name.
        dtype: `string`, `int64` or `float32`.
        data: The values of all records, one after the other.
        bounds: Record i owns the bytes `bounds[i]:bounds[i + 1]`.
        may_be_absent: Whether a record without a value lacks the feature; it has an empty list
            otherwise.
    """

    key: str
    dtype: str
    data: bytes
    bounds: list[int]
    may_be_absent: bool = False

    def parts(self) -> tuple[Iterator[bytes], Iterator[bytes]]:
        """The feature's entry in the map of each record, in two parts: its header, its values."""
        sizes = np.diff(self.bounds).tolist()
        headers = {size: self._header(size) for size in set(sizes)}
        if self.may_be_absent:
            headers[0] = b""
        # Iterators that never come back to Python code: records are put together one by one.
        starts = map(slice, self.bounds[:-1], self.bounds[1:])
        return map(headers.__getitem__, sizes), map(self.data.__getitem__, starts)

    def _header(self, size: int) -> bytes:
        """Everything before the values: map entry, key, `Feature`, list; all know their size."""
        if self.dtype == "string":
            list_header = b""  # Every text brings its own tag.
        else:
            list_header = _FIRST + varint(size) if size else b""
        feature_header = _LIST_TAGS[self.dtype] + varint(len(list_header) + size) + list_header
        key = _delimited(_FIRST, self.key.encode())
        entry_header = key + _SECOND + varint(len(feature_header) + size) + feature_header
        return _FIRST + varint(len(entry_header) + size) + entry_header


def wire_feature(
    key: str, values: pa.Array | np.ndarray, offsets: np.ndarray, *, may_be_absent: bool = False
) -> WireFeature:
    """Maps a column to a feature of n records.

    Args:
        key: The feature's name.
        values: Texts, int64 or float32 `[m]`, without nulls.
        offsets: int64 `[n + 1]`; record i owns the values `offsets[i]:offsets[i + 1]`.
        may_be_absent: Whether a record without a value lacks the feature.
    """
    if isinstance(values, pa.Array):
        if pa.types.is_string(values.type):
            data, bounds = _wire_texts(values)
            return WireFeature(key, "string", data, bounds[offsets].tolist(), may_be_absent)
        values = values.to_numpy(zero_copy_only=False)
    if values.dtype == np.float32:
        data = values.astype("<f4", copy=False).tobytes()
        return WireFeature(key, "float32", data, (offsets * 4).tolist(), may_be_absent)
    data, bounds = wire_integers(values)
    return WireFeature(key, "int64", data, bounds[offsets].tolist(), may_be_absent)


def serialized_examples(features: Sequence[WireFeature], count: int) -> list[bytes]:
    """Maps features of `count` records to the records, in the order of the features' keys."""
    if not features:
        return [_delimited(_FIRST, b"")] * count
    in_order = sorted(features, key=lambda feature: feature.key)
    parts = (part for feature in in_order for part in feature.parts())
    return [_delimited(_FIRST, b"".join(entries)) for entries in zip(*parts, strict=True)]


def wire_integers(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Maps int64 `[n]` to their varints and the `[n + 1]` bounds of those.

    A varint is the number in base 128, lowest digit first, with 128 added to all digits but the
    last; a negative number is written as its two's complement.

    Example:
        >>> wire_integers(np.array([1, 300]))
        (b'\\x01\\xac\\x02', array([0, 1, 3]))
    """
    rest = np.ascontiguousarray(values, np.int64).view(np.uint64)
    longer = np.flatnonzero(rest > 0x7F)
    sizes = np.ones(len(values), np.int64)
    rounds = []  # Digits after the first: whose they are, and what.
    while len(longer):
        sizes[longer] += 1
        rest = rest[rest > 0x7F] >> np.uint64(7)
        rounds.append((longer, rest))
        longer = longer[rest > 0x7F]
    bounds = np.zeros(len(values) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    first = values.astype(np.uint8) & 0x7F
    if not rounds:
        return first.tobytes(), bounds
    digits = np.empty(bounds[-1], np.uint8)
    digits[bounds[:-1]] = first
    for place, (owners, digit) in enumerate(rounds, start=1):
        places = bounds[owners] + place
        digits[places] = digit.astype(np.uint8) & 0x7F
        digits[places - 1] |= 0x80
    return digits.tobytes(), bounds


def varint(value: int) -> bytes:
    """Maps a number of at least 0 to its varint; `wire_integers` says what that is."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _wire_texts(values: pa.Array) -> tuple[bytes, np.ndarray]:
    """Maps n texts to their wire format, each with its tag and size, and its `[n + 1]` bounds."""
    binary = values.cast(pa.large_binary())
    lengths = pc.binary_length(binary).to_numpy(zero_copy_only=False)
    distinct, indices = np.unique(lengths, return_inverse=True)
    headers = pa.array([_FIRST + varint(int(length)) for length in distinct], pa.large_binary())
    separator = pa.scalar(b"", pa.large_binary())
    encoded = pc.binary_join_element_wise(headers.take(pa.array(indices)), binary, separator)
    if not len(encoded):
        return b"", np.zeros(1, np.int64)
    _, bounds, data = encoded.buffers()
    first = encoded.offset
    return data.to_pybytes(), np.frombuffer(bounds, np.int64)[first : first + len(encoded) + 1]


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
