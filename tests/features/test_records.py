import dataclasses
import math
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features import spec as specs
from ranking.features.missing_values import missing_value
from ranking.features.records import encode_batch, parse_records, raw_batch
from ranking.features.session_columns import section_of
from ranking.features.spec import FeatureSpec, Field
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SPEC = small_spec()
CUT = SPEC.behaviors_max_length


def _expected(spec: FeatureSpec, field: Field, row: dict[str, Any]) -> Any:
    """What parsing must give back of one session, written from the format's rules."""

    def value(raw: Any) -> Any:
        if field.kind == "ids":
            return (raw or [])[: field.max_length]
        return missing_value(field) if raw is None else raw

    section = section_of(field)
    if section == specs.SESSION:
        return value(row[field.name])
    elements = row[section][-CUT:] if section == specs.BEHAVIORS else row[section]
    return [value(element[field.name]) for element in elements]


def _parsed_rows(parsed: Any) -> list[Any]:
    rows = parsed.to_list() if isinstance(parsed, tf.RaggedTensor) else parsed.numpy().tolist()
    return [_rounded(row) for row in rows]


def _rounded(value: Any) -> Any:
    """Numbers as text of float32 precision, so that NaN equals NaN; text as bytes."""
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, str):
        return value.encode()
    return f"{value:.6g}" if isinstance(value, float) else value


def _example(record: bytes) -> Any:
    return tf.train.Example.FromString(record)


def _one_session(**changes: Any) -> pa.RecordBatch:
    row = small_sessions(SPEC, 1, 3).to_pylist()[0]
    return pa.RecordBatch.from_pylist([row | changes], schema=sessions_schema(SPEC))


@pytest.mark.parametrize("seed", [0, 1])
def test_every_field_comes_back_as_it_was(seed: int) -> None:
    batch = small_sessions(SPEC, 29, seed)
    parsed = parse_records(SPEC, tf.constant(encode_batch(SPEC, batch)))
    rows = batch.to_pylist()
    for field in SPEC.fields:
        expected = [_rounded(_expected(SPEC, field, row)) for row in rows]
        assert _parsed_rows(parsed[field.key]) == expected, field.key
    assert set(parsed) == {field.key for field in SPEC.fields}


def test_a_slice_of_a_batch_gives_the_same_records() -> None:
    batch = small_sessions(SPEC, 17, 5)
    whole = encode_batch(SPEC, batch)
    assert encode_batch(SPEC, batch.slice(3, 7)) == whole[3:10]
    assert [encode_batch(SPEC, batch.slice(row, 1))[0] for row in range(17)] == whole
    assert encode_batch(SPEC, batch.slice(0, 0)) == []


def test_records_are_what_the_protocol_buffer_library_writes() -> None:
    field = Field("numbers", specs.SESSION, "ids", "int64", table="seller", max_length=99)
    spec = FeatureSpec("one", SPEC.tables, (field,), (), 1, (), (), SPEC.roles)
    numbers = [0, 1, 127, 128, 16_383, 16_384, 2**63 - 1, -1, -(2**63)]
    element = pa.struct([])
    schema = pa.schema(
        [
            ("numbers", pa.list_(pa.int64())),
            ("behaviors", pa.list_(element)),
            ("candidates", pa.list_(element)),
        ]
    )
    rows = [{"numbers": numbers, "behaviors": [], "candidates": []}]
    (record,) = encode_batch(spec, pa.RecordBatch.from_pylist(rows, schema=schema))
    expected = tf.train.Example()
    expected.features.feature["numbers"].int64_list.value.extend(numbers)
    assert record == expected.SerializeToString()


def test_features_carry_the_documented_names_and_types() -> None:
    (record,) = encode_batch(SPEC, _one_session(city=None, hour=None, query=None))
    features = _example(record).features.feature
    assert "city" not in features and "hour" not in features and "query" not in features
    assert features["candidates_topics/ragged_flat_values"].HasField("bytes_list")
    assert features["candidates_topics/ragged_row_lengths_0"].HasField("int64_list")
    assert features["candidates_price"].HasField("float_list")
    assert features["labels_click"].HasField("int64_list")
    assert list(features["session_id"].bytes_list.value) == [b"session-0"]


def test_a_long_text_takes_more_than_one_size_byte() -> None:
    text = "日本 " * 5000
    (record,) = encode_batch(SPEC, _one_session(user_id=text))
    assert list(_example(record).features.feature["user_id"].bytes_list.value) == [text.encode()]


def test_an_empty_history_is_an_empty_list_in_every_field() -> None:
    parsed = parse_records(SPEC, encode_batch(SPEC, _one_session(behaviors=[])))
    for field in SPEC.behaviors:
        assert parsed[field.key].row_lengths().numpy().tolist() == [0]


def test_no_records_parse_to_empty_tensors() -> None:
    raw = raw_batch(SPEC, parse_records(SPEC, tf.constant([], tf.string)))
    assert {value.shape[0] for value in raw.values()} == {0}


def test_too_many_behaviors_in_a_record_are_cut_to_the_newest() -> None:
    batch = _long_history(CUT + 4)
    example = tf.train.Example()
    (record,) = encode_batch(_uncut(SPEC), batch)
    example.ParseFromString(record)
    assert len(example.features.feature["behaviors_item"].bytes_list.value) == CUT + 4
    parsed = parse_records(SPEC, [record])
    expected = [f"item-{number}".encode() for number in range(4, CUT + 4)]
    assert parsed["behaviors_item"].to_list() == [expected]
    assert parsed["behaviors_topics"].to_list() == [[[item[-1:]] for item in expected]]


def test_encoding_cuts_to_what_parsing_keeps() -> None:
    batch = _long_history(CUT + 4)
    (record,) = encode_batch(SPEC, batch)
    assert len(_example(record).features.feature["behaviors_item"].bytes_list.value) == CUT
    cut, uncut = (parse_records(SPEC, encode_batch(s, batch)) for s in (SPEC, _uncut(SPEC)))
    assert cut["behaviors_topics"].to_list() == uncut["behaviors_topics"].to_list()


def test_an_optional_list_that_is_absent_is_filled_beside_one_that_is_there() -> None:
    candidates = small_sessions(SPEC, 1, 3).to_pylist()[0]["candidates"][:2]
    without = [candidate | {"shop": None, "title": None} for candidate in candidates]
    partly = [candidates[0] | {"shop": 101}, candidates[0] | {"shop": None}]
    batch = pa.concat_batches([_one_session(candidates=without), _one_session(candidates=partly)])
    records = encode_batch(SPEC, batch)
    assert "candidates_shop" not in _example(records[0]).features.feature
    parsed = parse_records(SPEC, records)
    assert parsed["candidates_shop"].to_list() == [[-1, -1], [101, -1]]
    assert parsed["candidates_title"].to_list()[0] == [b"", b""]


def test_missing_values_are_told_from_any_other() -> None:
    missing = {
        (field.kind, field.dtype, field.default): missing_value(field) for field in SPEC.fields
    }
    assert missing["id", "string", None] == ""
    assert missing["id", "int64", None] == -1
    assert math.isnan(missing["id", "float32", None])
    assert math.isnan(missing["dense", "float32", 2.0])
    with_default = Field("x", specs.SESSION, "dense", "int64", default=3.0)
    assert missing_value(with_default) == 3


def test_raw_batch_pads_with_nothing_and_counts_what_is_there() -> None:
    batch = small_sessions(SPEC, 13, 2)
    raw = raw_batch(SPEC, parse_records(SPEC, encode_batch(SPEC, batch)))
    rows = batch.to_pylist()
    history = [min(len(row["behaviors"]), CUT) for row in rows]
    shown = [len(row["candidates"]) for row in rows]
    assert raw["behaviors_length"].numpy().tolist() == history
    assert raw["candidates_length"].numpy().tolist() == shown
    assert raw["candidates_price"].shape == (13, max(shown))
    assert raw["candidates_topics"].shape == (13, max(shown), 2)
    assert raw["labels_click"].dtype == tf.float32
    for number, count in enumerate(shown):
        assert set(raw["candidates_item"][number, count:].numpy().tolist()) <= {b""}
        assert not raw["candidates_topics_length"][number, count:].numpy().any()
        assert not raw["candidates_price"][number, count:].numpy().any()
        expected = [min(len(one["topics"]), 2) for one in rows[number]["candidates"]]
        assert raw["candidates_topics_length"][number, :count].numpy().tolist() == expected
    lengths = {key for key in raw if key.endswith("_length")}
    assert {raw[key].dtype for key in lengths} == {tf.int32}


def test_raw_batch_is_at_least_one_wide() -> None:
    batch = _one_session(behaviors=[], interests=None)
    raw = raw_batch(SPEC, parse_records(SPEC, encode_batch(SPEC, batch)))
    assert raw["behaviors_item"].shape == (1, 1)
    assert raw["behaviors_topics"].shape == (1, 1, 1)
    assert raw["interests"].shape == (1, 1)
    assert raw["behaviors_length"].numpy().tolist() == [0]


def test_parsing_in_a_graph_keeps_ranks_known() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def parse(serialized: Any) -> Any:
        return raw_batch(SPEC, parse_records(SPEC, serialized))

    shapes = parse.get_concrete_function().structured_outputs
    assert {key: value.shape.rank for key, value in shapes.items() if "topics" in key} == {
        "behaviors_topics": 3,
        "behaviors_topics_length": 2,
        "candidates_topics": 3,
        "candidates_topics_length": 2,
    }
    records = encode_batch(SPEC, small_sessions(SPEC, 3, 0))
    eager = raw_batch(SPEC, parse_records(SPEC, records))
    for key, value in parse(tf.constant(records)).items():
        assert _rounded(value.numpy().tolist()) == _rounded(eager[key].numpy().tolist())


def test_a_part_of_the_fields_parses_alone() -> None:
    records = encode_batch(SPEC, small_sessions(SPEC, 5, 0))
    fields = [field for field in SPEC.fields if field.is_input]
    for record in range(5):
        example = _example(records[record])
        for field in SPEC.labels:
            del example.features.feature[field.key]
        records[record] = example.SerializeToString()
    parsed = parse_records(SPEC, records, fields=fields)
    assert set(parsed) == {field.key for field in fields}
    assert "labels_click" not in raw_batch(SPEC, parsed)


@pytest.mark.parametrize(
    "key",
    ["session_id", "grade", "visits", "candidates_item", "labels_order", "candidates_price"],
)
def test_a_record_without_a_required_field_fails_and_names_it(key: str) -> None:
    example = _example(encode_batch(SPEC, small_sessions(SPEC, 3, 0))[2])
    del example.features.feature[key]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{key}\\b"):
        parse_records(SPEC, [example.SerializeToString()])


def test_lists_of_different_lengths_fail_and_name_field_and_record() -> None:
    records = encode_batch(SPEC, small_sessions(SPEC, 5, 0))
    example = _example(records[3])
    del example.features.feature["candidates_popularity"].float_list.value[-1]
    records[3] = example.SerializeToString()
    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        parse_records(SPEC, records)
    assert "`candidates_popularity`" in str(failure.value)
    assert "in record 3 of the batch" in str(failure.value)


def test_nested_lengths_that_do_not_add_up_fail_and_name_the_field() -> None:
    example = _example(encode_batch(SPEC, small_sessions(SPEC, 1, 0))[0])
    example.features.feature["candidates_topics/ragged_row_lengths_0"].int64_list.value[0] += 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="candidates_topics"):
        parse_records(SPEC, [example.SerializeToString()])


def test_a_wrong_type_fails_and_names_the_field() -> None:
    example = _example(encode_batch(SPEC, small_sessions(SPEC, 1, 0))[0])
    example.features.feature["candidates_item"].int64_list.value.extend([1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="candidates_item"):
        parse_records(SPEC, [example.SerializeToString()])


def _long_history(length: int) -> pa.RecordBatch:
    behavior = {"shop": None, "action": "click", "days_ago": 1.0}
    behaviors = [
        behavior | {"item": f"item-{number}", "topics": [f"{number % 10}"]}
        for number in range(length)
    ]
    return _one_session(behaviors=behaviors)


def _uncut(spec: FeatureSpec) -> FeatureSpec:
    return dataclasses.replace(spec, behaviors_max_length=1000)
