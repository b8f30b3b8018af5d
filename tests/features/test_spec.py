"""The spec's own arithmetic: keys, rows, fingerprints, the canonical form."""

import dataclasses
import json
from pathlib import Path

import pytest

from ranking.features.spec import FeatureSpec, Field, Table, Transform
from ranking.features.spec_reader import read_spec

DEMO = Path(__file__).parents[2] / "feature_specs" / "demo.yaml"


@pytest.fixture
def demo() -> FeatureSpec:
    return read_spec(DEMO)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (Table("t", 3, "values", values=("a", "b", "c")), 5),
        (Table("t", 3, "vocabulary", vocabulary="learned", size=7), 9),
        (Table("t", 3, "vocabulary", vocabulary="learned", size=0), 2),
        (Table("t", 3, "hash_buckets", hash_buckets=11), 13),
        (Table("t", 3, "integer_ids", dtype="int64", integer_ids=13), 15),
        (Table("t", 3, "bucketize", dtype="float32", bucketize=(1.0, 2.0)), 5),
    ],
)
def test_rows_are_entries_and_padding_and_unknown(table: Table, rows: int) -> None:
    assert table.is_resolved
    assert table.rows == rows


def test_an_unwritten_vocabulary_has_no_rows_yet() -> None:
    table = Table("item", 3, "vocabulary", vocabulary="learned")
    assert not table.is_resolved
    with pytest.raises(ValueError, match="`item`.*not written yet.*Prepare"):
        _ = table.rows


def test_keys_carry_the_section_outside_the_session() -> None:
    assert Field("query", "session", "text", "string").key == "query"
    assert Field("query", "session", "text", "string").length_key == "query_length"
    assert Field("item", "behaviors", "id", "string").key == "behaviors_item"
    assert Field("price", "candidates", "dense", "float32").key == "candidates_price"
    assert Field("click", "labels", "label", "int64").key == "labels_click"


@pytest.mark.parametrize(
    ("kind", "is_input", "is_multivalued"),
    [
        ("id", True, False),
        ("ids", True, True),
        ("text", True, True),
        ("dense", True, False),
        ("metadata", False, False),
        ("label", False, False),
    ],
)
def test_kinds_say_what_models_read(kind: str, is_input: bool, is_multivalued: bool) -> None:
    field = Field("x", "session", kind, "string")
    assert (field.is_input, field.is_multivalued) == (is_input, is_multivalued)


def test_a_spec_is_resolved_once_vocabularies_and_statistics_are_known(demo: FeatureSpec) -> None:
    assert not demo.is_resolved
    tables = {
        name: dataclasses.replace(table, size=5) if table.kind == "vocabulary" else table
        for name, table in demo.tables.items()
    }
    with_tables = dataclasses.replace(demo, tables=tables)
    assert not with_tables.is_resolved
    candidates = tuple(
        dataclasses.replace(
            field,
            transforms=tuple(
                Transform("standardize", (1.0, 2.0)) if step.name == "standardize" else step
                for step in field.transforms
            ),
        )
        for field in demo.candidates
    )
    assert dataclasses.replace(with_tables, candidates=candidates).is_resolved


def test_fields_are_found_by_section_and_name(demo: FeatureSpec) -> None:
    assert demo.field("candidates", "price").dtype == "float32"
    assert demo.table_of(demo.field("behaviors", "item")) is demo.tables["item"]
    assert demo.tasks == ("click", "order")
    assert len(demo.fields) == sum(
        len(demo.section(name)) for name in ("session", "behaviors", "candidates", "labels")
    )
    with pytest.raises(KeyError, match="`session`.*`demo`.*`price`"):
        demo.field("session", "price")
    with pytest.raises(KeyError, match="`candidates_price` has no table"):
        demo.table_of(demo.field("candidates", "price"))


def test_canonical_json_is_json_with_sorted_keys_and_no_blanks(demo: FeatureSpec) -> None:
    text = demo.to_json()
    document = json.loads(text)
    assert document == demo.to_document()
    assert list(document) == sorted(document)
    assert "\n" not in text
    assert '": ' not in text


def test_a_statistic_that_is_not_finite_cannot_be_written(demo: FeatureSpec) -> None:
    broken = Field(
        "x", "session", "dense", "float32", transforms=(Transform("clip", (0.0, float("nan"))),)
    )
    with pytest.raises(ValueError, match="JSON compliant"):
        dataclasses.replace(demo, session=(broken,)).to_json()
