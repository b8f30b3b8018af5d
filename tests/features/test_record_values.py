import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features import spec as specs
from ranking.features.missing_values import missing_value
from ranking.features.record_encoding import RecordEncoder
from ranking.features.record_values import RecordValues
from ranking.features.session_columns import section_of
from ranking.features.spec import FeatureSpec, Field
from tests.helpers.resolved_small_spec import resolved_small_spec
from tests.helpers.small_spec import sessions_schema, small_sessions

Values = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabularies")


@pytest.fixture(scope="module")
def spec(folder: Path) -> FeatureSpec:
    return resolved_small_spec(folder)


@pytest.fixture(scope="module")
def encoder(spec: FeatureSpec, folder: Path) -> RecordEncoder:
    return RecordEncoder(spec, folder)


@pytest.fixture(scope="module")
def values(spec: FeatureSpec, folder: Path) -> RecordValues:
    return RecordValues(spec, folder)


def _expected(spec: FeatureSpec, field: Field, row: Values) -> Any:
    """What reading must give back of one session, written from the format's rules."""

    def value(raw: Any) -> Any:
        if field.kind == "ids":
            return (raw or [])[: field.max_length]
        return missing_value(field) if raw is None else raw

    section = section_of(field)
    if section == specs.SESSION:
        return value(row[field.name])
    elements = row[section]
    if section == specs.BEHAVIORS:
        elements = elements[-spec.behaviors_max_length :]
    return [value(element[field.name]) for element in elements]


def _rows(parsed: Any) -> list[Any]:
    rows = parsed.to_list() if isinstance(parsed, tf.RaggedTensor) else parsed.numpy().tolist()
    return [_rounded(row) for row in rows]


def _rounded(value: Any) -> Any:
    """Numbers as text of float32 precision, so that NaN equals NaN; text as bytes."""
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, str):
        return value.encode()
    return f"{value:.6g}" if isinstance(value, float) else value


@pytest.mark.parametrize("seed", [0, 1])
def test_every_field_comes_back_as_it_was(
    spec: FeatureSpec, encoder: RecordEncoder, values: RecordValues, seed: int
) -> None:
    batch = small_sessions(spec, 29, seed)
    parsed = values.parse(tf.constant(encoder.encode_batch(batch)))
    rows = batch.to_pylist()
    for field in spec.fields:
        expected = [_rounded(_expected(spec, field, row)) for row in rows]
        assert _rows(parsed[field.key]) == expected, field.key
    assert list(parsed) == [field.key for field in spec.fields]


def test_ids_that_no_table_knows_come_back(
    spec: FeatureSpec, encoder: RecordEncoder, values: RecordValues
) -> None:
    """In every section, in several columns of one element, in lists, beside known ones."""
    (row,) = small_sessions(spec, 1, 3).to_pylist()
    row |= {"grade": 8, "hour": 3, "city": "Ur", "interests": ["new", "shoes", "newer"]}
    behavior = {"topics": [], "days_ago": 1.0}
    row["behaviors"] = [
        behavior | {"item": "lost", "shop": 7, "action": "wish"},
        behavior | {"item": "item-0", "shop": 101, "action": "click", "topics": ["odd", "hats"]},
        behavior | {"item": "", "shop": None, "action": "gone"},
    ]
    batch = pa.RecordBatch.from_pylist([row, row], schema=sessions_schema(spec))
    parsed = values.parse(encoder.encode_batch(batch))
    assert _rows(parsed["grade"]) == [8, 8]
    assert _rows(parsed["city"]) == [b"Ur", b"Ur"]
    assert _rows(parsed["interests"]) == [[b"new", b"shoes", b"newer"]] * 2
    assert _rows(parsed["behaviors_item"]) == [[b"lost", b"item-0", b""]] * 2
    assert _rows(parsed["behaviors_shop"]) == [[7, 101, -1]] * 2
    assert _rows(parsed["behaviors_action"]) == [[b"wish", b"click", b"gone"]] * 2
    assert _rows(parsed["behaviors_topics"]) == [[[], [b"odd", b"hats"], []]] * 2


def test_a_record_without_the_text_of_an_unknown_id_fails(
    spec: FeatureSpec, encoder: RecordEncoder, values: RecordValues
) -> None:
    (row,) = small_sessions(spec, 1, 3).to_pylist()
    batch = pa.RecordBatch.from_pylist([row | {"city": "Ur"}], schema=sessions_schema(spec))
    example = tf.train.Example.FromString(encoder.encode_batch(batch)[0])
    texts = example.features.feature["session/unknown"].bytes_list.value
    assert b"Ur" in texts
    texts.append(b"too many")
    with pytest.raises(ValueError, match="`session/unknown` must have a text for each id"):
        values.parse([example.SerializeToString()])


def test_a_raw_batch_pads_with_nothing_and_counts_what_is_there(
    spec: FeatureSpec, encoder: RecordEncoder, values: RecordValues
) -> None:
    batch = small_sessions(spec, 13, 2)
    raw = {key: value.numpy() for key, value in _raw(encoder, values, batch).items()}
    rows = batch.to_pylist()
    history = [min(len(row["behaviors"]), spec.behaviors_max_length) for row in rows]
    shown = [len(row["candidates"]) for row in rows]
    assert raw["behaviors_length"].tolist() == history
    assert raw["candidates_length"].tolist() == shown
    assert raw["candidates_price"].shape == (13, max(shown))
    assert raw["candidates_topics"].shape == (13, max(shown), 2)
    assert raw["labels_click"].dtype == np.float32
    for number, count in enumerate(shown):
        assert set(raw["candidates_item"][number, count:].tolist()) <= {b""}
        assert not raw["candidates_topics_length"][number, count:].any()
        assert not raw["candidates_price"][number, count:].any()
        expected = [min(len(one["topics"]), 2) for one in rows[number]["candidates"]]
        assert raw["candidates_topics_length"][number, :count].tolist() == expected
    assert {raw[key].dtype for key in raw if key.endswith("_length")} == {np.dtype(np.int32)}


def test_a_raw_batch_is_at_least_one_wide(
    spec: FeatureSpec, encoder: RecordEncoder, values: RecordValues
) -> None:
    (row,) = small_sessions(spec, 1, 3).to_pylist()
    row |= {"behaviors": [], "interests": None}
    raw = _raw(encoder, values, pa.RecordBatch.from_pylist([row], schema=sessions_schema(spec)))
    assert raw["behaviors_item"].shape == (1, 1)
    assert raw["behaviors_topics"].shape == (1, 1, 1)
    assert raw["interests"].shape == (1, 1)
    assert raw["behaviors_length"].numpy().tolist() == [0]


def test_no_records_have_no_values(values: RecordValues) -> None:
    raw = values.raw_batch(tf.constant([], tf.string))
    assert {value.shape[0] for value in raw.values()} == {0}


def test_missing_values_are_told_from_any_other(spec: FeatureSpec) -> None:
    missing = {
        (field.kind, field.dtype, field.default): missing_value(field) for field in spec.fields
    }
    assert missing["id", "string", None] == ""
    assert missing["id", "int64", None] == -1
    assert np.isnan(missing["id", "float32", None])
    assert np.isnan(missing["dense", "float32", 2.0])
    with_default = Field("x", specs.SESSION, "dense", "int64", default=3.0)
    assert missing_value(with_default) == 3
    whole = dataclasses.replace(with_default, kind="metadata")
    assert missing_value(whole) == 0


def _raw(encoder: RecordEncoder, values: RecordValues, batch: pa.RecordBatch) -> Values:
    return values.raw_batch(tf.constant(encoder.encode_batch(batch)))
