import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features.record_encoding import RecordEncoder
from ranking.features.record_layout import record_layout
from ranking.features.record_padding import padded_records
from ranking.features.records import parse_records
from ranking.features.spec import FeatureSpec
from tests.helpers.resolved_small_spec import resolved_small_spec
from tests.helpers.small_spec import sessions_schema, small_sessions

InvalidRecord = tf.errors.InvalidArgumentError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabularies")


@pytest.fixture(scope="module")
def spec(folder: Path) -> FeatureSpec:
    return resolved_small_spec(folder)


@pytest.fixture(scope="module")
def encoder(spec: FeatureSpec, folder: Path) -> RecordEncoder:
    return RecordEncoder(spec, folder)


def _example(record: bytes) -> Any:
    return tf.train.Example.FromString(record)


def _one_session(spec: FeatureSpec, **changes: Any) -> pa.RecordBatch:
    row = small_sessions(spec, 1, 3).to_pylist()[0]
    return pa.RecordBatch.from_pylist([row | changes], schema=sessions_schema(spec))


def as_recorded(spec: FeatureSpec, parsed: Any) -> dict[str, Any]:
    """A padded batch of the values as records hold them."""
    return padded_records(spec, parsed, lambda field, values: values)


def test_a_slice_of_a_batch_gives_the_same_records(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    batch = small_sessions(spec, 17, 5)
    whole = encoder.encode_batch(batch)
    assert encoder.encode_batch(batch.slice(3, 7)) == whole[3:10]
    assert [encoder.encode_batch(batch.slice(row, 1))[0] for row in range(17)] == whole
    assert encoder.encode_batch(batch.slice(0, 0)) == []


def test_records_hold_what_is_documented(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    changes = {"city": None, "hour": 3, "grade": 11, "visits": 4, "user_id": "söt"}
    (record,) = encoder.encode_batch(_one_session(spec, **changes))
    features = _example(record).features.feature
    packed = {packed.key: packed for packed in record_layout(spec).packed}
    names = [field.name for field in packed["session/int64"].fields]
    values = list(features["session/int64"].int64_list.value)
    numbers = {"city": 0, "grade": 3, "hour": 5, "visits": 4}
    assert dict(zip(names, values, strict=True)) == numbers
    assert list(features["session/metadata_int64"].int64_list.value) == [1_700_000_000]
    assert list(features["user_id"].bytes_list.value) == ["söt".encode()]
    for key in ("candidates/int64", "candidates/float32", "labels/int64"):
        kind = "float_list" if key.endswith("float32") else "int64_list"
        received = len(getattr(features[key], kind).value)
        shown = len(features["labels/int64"].int64_list.value) // 2
        assert received == packed[key].width * shown
    assert features["candidates_topics/ragged_flat_values"].HasField("int64_list")
    assert features["candidates_topics/ragged_row_lengths_0"].HasField("int64_list")
    assert features["interests"].HasField("int64_list")
    assert features["candidates_title"].HasField("bytes_list")


def test_values_of_one_element_stand_together(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    batch = small_sessions(spec, 7, 5)
    key = "candidates/float32"
    (packed,) = (packed for packed in record_layout(spec).packed if packed.key == key)
    for record, row in zip(encoder.encode_batch(batch), batch.to_pylist(), strict=True):
        values = _example(record).features.feature[key].float_list.value
        expected = [one[field.name] for one in row["candidates"] for field in packed.fields]
        assert list(map(str, values)) == list(map(str, expected))


def test_known_ids_leave_no_text(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    batch = _one_session(spec, city="Oslo", grade=7, hour=0, interests=["shoes"], behaviors=[])
    features = _example(encoder.encode_batch(batch)[0]).features.feature
    assert "session/unknown" not in features and "interests/unknown" not in features
    batch = _one_session(spec, city="Ur", grade=8, hour=0, interests=["new"], behaviors=[])
    features = _example(encoder.encode_batch(batch)[0]).features.feature
    assert list(features["session/unknown"].bytes_list.value) == [b"Ur", b"8"]
    assert list(features["interests/unknown"].bytes_list.value) == [b"new"]


def test_an_empty_history_is_an_empty_list_in_every_feature(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    parsed = parse_records(spec, encoder.encode_batch(_one_session(spec, behaviors=[])))
    for key in record_layout(spec).keys_of("behaviors"):
        assert parsed[key].row_lengths().numpy().tolist() == [0]


def test_no_records_parse_to_empty_tensors(spec: FeatureSpec) -> None:
    batch = as_recorded(spec, parse_records(spec, tf.constant([], tf.string)))
    assert {value.shape[0] for value in batch.values()} == {0}


def test_too_many_behaviors_in_a_record_are_cut_to_the_newest(
    spec: FeatureSpec, folder: Path
) -> None:
    cut = spec.behaviors_max_length
    uncut = dataclasses.replace(spec, behaviors_max_length=1000)
    (record,) = RecordEncoder(uncut, folder).encode_batch(_long_history(spec, cut + 4))
    whole, parsed = (parse_records(one, [record]) for one in (uncut, spec))
    for key in record_layout(spec).keys_of("behaviors"):
        assert whole[key].row_lengths().numpy().tolist() == [cut + 4]
        assert parsed[key].to_list() == [whole[key].to_list()[0][4:]]


def test_encoding_cuts_to_what_parsing_keeps(
    spec: FeatureSpec, encoder: RecordEncoder, folder: Path
) -> None:
    cut = spec.behaviors_max_length
    batch = _long_history(spec, cut + 4)
    (record,) = encoder.encode_batch(batch)
    days_ago = _example(record).features.feature["behaviors/float32"].float_list.value
    assert len(days_ago) == cut
    uncut = RecordEncoder(dataclasses.replace(spec, behaviors_max_length=1000), folder)
    received, expected = (
        parse_records(spec, one.encode_batch(batch))["behaviors/int64"].to_list()
        for one in (encoder, uncut)
    )
    assert received == expected


def test_padded_records_count_what_is_there(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    batch = small_sessions(spec, 13, 2)
    parsed = parse_records(spec, encoder.encode_batch(batch))
    padded = {key: value.numpy() for key, value in as_recorded(spec, parsed).items()}
    rows = batch.to_pylist()
    shown = [len(row["candidates"]) for row in rows]
    history = [min(len(row["behaviors"]), spec.behaviors_max_length) for row in rows]
    assert padded["candidates_length"].tolist() == shown
    assert padded["behaviors_length"].tolist() == history
    assert padded["candidates_item"].dtype == padded["candidates_topics"].dtype == "int64"
    assert padded["labels_click"].dtype == "float32"
    clicks = [[one["click"] for one in row["candidates"]] for row in rows]
    for number, count in enumerate(shown):
        assert padded["labels_click"][number, :count].tolist() == clicks[number]
        assert not padded["candidates_item"][number, count:].any()
        assert not padded["candidates_topics"][number, count:].any()


def test_parsing_in_a_graph_keeps_ranks_known(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def parse(serialized: Any) -> Any:
        return as_recorded(spec, parse_records(spec, serialized))

    shapes = parse.get_concrete_function().structured_outputs
    assert {key: value.shape.rank for key, value in shapes.items() if "topics" in key} == {
        "behaviors_topics": 3,
        "behaviors_topics_length": 2,
        "candidates_topics": 3,
        "candidates_topics_length": 2,
    }
    records = encoder.encode_batch(small_sessions(spec, 3, 0))
    eager = as_recorded(spec, parse_records(spec, records))
    for key, value in parse(tf.constant(records)).items():
        assert str(value.numpy().tolist()) == str(eager[key].numpy().tolist())


def test_a_record_of_inputs_alone_parses(spec: FeatureSpec, encoder: RecordEncoder) -> None:
    records = encoder.encode_batch(small_sessions(spec, 5, 0))
    for number, record in enumerate(records):
        example = _example(record)
        for key in ("labels/int64", "session_id", "session/metadata_int64"):
            del example.features.feature[key]
        records[number] = example.SerializeToString()
    layout = record_layout(spec).inputs()
    batch = as_recorded(spec, parse_records(spec, records, layout=layout))
    inputs = {field.key for field in spec.fields if field.is_input}
    assert {key for key in batch if not key.endswith("_length")} == inputs


@pytest.mark.parametrize(
    "key",
    ["session_id", "session/int64", "session/metadata_float32", "candidates/int64", "labels/int64"],
)
def test_a_record_without_a_feature_fails_and_names_it(
    spec: FeatureSpec, encoder: RecordEncoder, key: str
) -> None:
    example = _example(encoder.encode_batch(small_sessions(spec, 3, 0))[2])
    del example.features.feature[key]
    with pytest.raises(InvalidRecord, match=f"{key}\\b"):
        parse_records(spec, [example.SerializeToString()])


def test_lists_of_different_lengths_fail_and_name_feature_and_record(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    records = encoder.encode_batch(small_sessions(spec, 5, 0))
    example = _example(records[3])
    del example.features.feature["candidates/float32"].float_list.value[-1]
    records[3] = example.SerializeToString()
    with pytest.raises(InvalidRecord) as failure:
        parse_records(spec, records)
    assert "`candidates/float32` must have 3 value(s)" in str(failure.value)
    assert "in record 3 of the batch" in str(failure.value)


def test_nested_lengths_that_do_not_add_up_fail_and_name_the_field(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    example = _example(encoder.encode_batch(small_sessions(spec, 1, 0))[0])
    example.features.feature["candidates_topics/ragged_row_lengths_0"].int64_list.value[0] += 1
    with pytest.raises(InvalidRecord, match="candidates_topics"):
        parse_records(spec, [example.SerializeToString()])


def test_a_negative_nested_length_fails_even_if_all_add_up(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    records = encoder.encode_batch(small_sessions(spec, 3, 0))
    example = _example(records[1])
    key = "candidates_topics/ragged_row_lengths_0"
    lengths = example.features.feature[key].int64_list.value
    lengths[0], lengths[1] = -1, lengths[0] + lengths[1] + 1
    records[1] = example.SerializeToString()
    with pytest.raises(InvalidRecord, match=f"`{key}` must add up .* in record 1 of the batch"):
        parse_records(spec, records)


def test_a_pipeline_names_list_and_record_that_are_broken(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    records = encoder.encode_batch(small_sessions(spec, 5, 0))
    for record in (2, 4):
        example = _example(records[record])
        del example.features.feature["candidates/float32"].float_list.value[-1]
        records[record] = example.SerializeToString()

    @tf.autograph.experimental.do_not_convert
    def parse(serialized: Any) -> Any:
        return as_recorded(spec, parse_records(spec, serialized))

    with pytest.raises(InvalidRecord) as failure:
        next(iter(tf.data.Dataset.from_tensors(records).map(parse)))
    assert "`candidates/float32` must have 3 value(s)" in str(failure.value)
    assert "in record 2 of the batch" in str(failure.value)


def test_a_wrong_type_fails_and_names_the_feature(
    spec: FeatureSpec, encoder: RecordEncoder
) -> None:
    example = _example(encoder.encode_batch(small_sessions(spec, 1, 0))[0])
    example.features.feature["candidates/int64"].bytes_list.value.extend([b"item-1"])
    with pytest.raises(InvalidRecord, match="candidates/int64"):
        parse_records(spec, [example.SerializeToString()])


def _long_history(spec: FeatureSpec, length: int) -> pa.RecordBatch:
    behavior = {"shop": None, "action": "click", "days_ago": 1.0}
    behaviors = [
        behavior | {"item": f"item-{number}", "topics": [f"{number % 10}"]}
        for number in range(length)
    ]
    return _one_session(spec, behaviors=behaviors)
