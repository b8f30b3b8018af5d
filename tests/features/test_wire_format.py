import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features.wire_format import serialized_examples, wire_feature, wire_integers

NUMBERS = [0, 1, 127, 128, 16_383, 16_384, 2**63 - 1, -1, -(2**63)]


def _examples(offsets: list[int], **columns: list[int] | list[float] | list[str]) -> list[bytes]:
    features = []
    for key, values in columns.items():
        kind = type(values[0])
        column = pa.array(values) if kind is str else np.array(values)
        column = column.astype(np.float32) if kind is float else column
        features.append(wire_feature(key, column, np.array(offsets)))
    return serialized_examples(features, len(offsets) - 1)


@pytest.mark.parametrize("offsets", [[0, 9], [0, 2, 2, 9], [0, 0, 9, 9]])
def test_records_are_what_the_protocol_buffer_library_writes(offsets: list[int]) -> None:
    texts = ["", "a", "söt-日本", "x" * 200, "y" * 20_000, "b", "c", "d", "e"]
    floats = [0.5 * number for number in range(9)]
    records = _examples(offsets, numbers=NUMBERS, texts=texts, floats=floats)
    for record, start, end in zip(records, offsets, offsets[1:], strict=False):
        expected = tf.train.Example()
        features = expected.features.feature
        features["numbers"].int64_list.value.extend(NUMBERS[start:end])
        features["texts"].bytes_list.value.extend(text.encode() for text in texts[start:end])
        features["floats"].float_list.value.extend(floats[start:end])
        assert record == expected.SerializeToString(deterministic=True)


def test_a_feature_may_be_absent_where_it_has_no_value() -> None:
    offsets = np.array([0, 0, 2])
    feature = wire_feature("texts", pa.array(["a", "b"]), offsets, may_be_absent=True)
    empty, full = (tf.train.Example.FromString(r) for r in serialized_examples([feature], 2))
    assert list(empty.features.feature) == []
    assert list(full.features.feature["texts"].bytes_list.value) == [b"a", b"b"]


def test_records_without_features_are_empty() -> None:
    assert serialized_examples([], 2) == [tf.train.Example(features={}).SerializeToString()] * 2


@pytest.mark.parametrize("most", [1, 127, 128, 2**14, 2**21 - 1, 2**63 - 1])
def test_varints_of_any_size_are_right(most: int) -> None:
    values = np.array([0, most, most // 2, 5])
    data, bounds = wire_integers(values)
    for value, start, end in zip(values.tolist(), bounds, bounds[1:], strict=False):
        digits = [value >> 7 * place & 127 for place in range(10)]
        while len(digits) > 1 and digits[-1] == 0:
            digits.pop()
        written = [digit + 128 for digit in digits[:-1]] + digits[-1:]
        assert list(data[start:end]) == written


def test_no_values_are_no_bytes() -> None:
    assert wire_integers(np.zeros(0, np.int64))[0] == b""
    (record,) = serialized_examples([wire_feature("n", np.zeros(0, int), np.zeros(2, int))], 1)
    assert tf.train.Example.FromString(record).features.feature["n"].HasField("int64_list")
