import dataclasses

from ranking.features.record_layout import is_numbered, record_layout, recorded_dtype
from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec, Field
from tests.helpers.small_spec import small_spec

SPEC = small_spec()


def test_every_field_is_in_one_feature() -> None:
    spec = dataclasses.replace(SPEC, global_window="day")
    layout = record_layout(spec)
    packed = [field for feature in layout.packed for field in feature.fields]
    held = [field.key for field in (*packed, *layout.texts, *layout.ids)]
    assert sorted(held) == sorted(field.key for field in spec.record_fields)
    assert [field.name for field in layout.labels.fields] == [
        "click",
        "order",
        "click_global",
        "order_global",
    ]


def test_features_are_by_section_part_and_type() -> None:
    layout = record_layout(SPEC)
    assert {packed.key: packed.width for packed in layout.packed} == {
        "session/int64": 4,
        "session/float32": 1,
        "session/metadata_int64": 1,
        "session/metadata_float32": 1,
        "behaviors/int64": 3,
        "behaviors/float32": 1,
        "candidates/int64": 2,
        "candidates/float32": 3,
        "candidates/metadata_float32": 1,
        "labels/int64": 2,
    }
    assert [field.key for field in layout.ids] == [
        "interests",
        "behaviors_topics",
        "candidates_sellers",
        "candidates_topics",
    ]
    assert [field.key for field in layout.texts] == [
        "query",
        "session_id",
        "user_id",
        "candidates_title",
    ]


def test_ids_of_known_tables_are_numbers() -> None:
    numbered = {name for name, table in SPEC.tables.items() if is_numbered(table)}
    assert numbered == {"item", "topic", "city", "shop", "action", "grade", "hour"}
    fields = {field.key: recorded_dtype(SPEC, field) for field in SPEC.fields}
    assert fields["candidates_item"] == fields["interests"] == "int64"
    assert fields["candidates_title"] == "string"
    assert fields["candidates_price_level"] == "float32"


def test_sizes_are_told_by_few_features() -> None:
    sizes = record_layout(SPEC).sizes()
    assert list(sizes.keys_of(CANDIDATES)) == ["labels/int64"]
    assert list(sizes.keys_of(BEHAVIORS)) == ["behaviors/float32"]
    for kept in (("topics",), ()):
        sizes = record_layout(_with_behaviors(kept)).sizes()
        assert list(sizes.keys_of(BEHAVIORS)) == [f"behaviors_{name}" for name in kept]
    text = Field("words", BEHAVIORS, "text", "string", table="term", max_length=2)
    sizes = record_layout(dataclasses.replace(SPEC, behaviors=(text,))).sizes()
    assert list(sizes.keys_of(BEHAVIORS)) == ["behaviors_words"]


def _with_behaviors(names: tuple[str, ...]) -> FeatureSpec:
    fields = tuple(field for field in SPEC.behaviors if field.name in names)
    return dataclasses.replace(SPEC, behaviors=fields)
