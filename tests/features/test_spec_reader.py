"""The reader: every part of a good spec is read exactly, and whatever is not one is refused."""

import dataclasses
import json
import os
import random
import re
import string
from pathlib import Path

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st

from ranking.features.spec import FeatureSpec, Roles, Transform
from ranking.features.spec_reader import SpecError, parse_spec, read_spec
from tests.helpers.whole_spec import WHOLE, edited

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "feature_specs").glob("*.yaml"))


def test_every_part_of_a_spec_is_read() -> None:
    spec = parse_spec(WHOLE, "whole.yaml")
    assert (spec.name, spec.behaviors_max_length, spec.tasks) == ("whole", 19, ("click", "order"))
    assert list(spec.tables) == ["brand", "day", "item", "kind", "level", "term", "year"]
    item, brand = spec.tables["item"], spec.tables["brand"]
    assert (item.vocabulary, item.min_count, item.dtype) == ("learned", 2, "string")
    assert (brand.vocabulary, brand.min_count, brand.dtype) == ("brands.txt", 1, "int64")
    assert spec.tables["kind"].values == ("a", "b", "18-24")
    assert (spec.tables["year"].values, spec.tables["year"].dtype) == ((1999, -3), "int64")
    assert spec.tables["term"].hash_buckets == 11
    assert (spec.tables["day"].integer_ids, spec.tables["day"].dtype) == (13, "int64")
    assert spec.tables["level"].bucketize == (-1.0, 0.5, 1000.0)
    assert spec.tables["level"].dtype == "float32"
    assert [field.name for field in spec.candidates] == sorted(f.name for f in spec.candidates)
    query = spec.field("session", "query")
    assert (query.kind, query.max_length, query.pool, query.optional) == ("text", 3, "max", True)
    age = spec.field("session", "age")
    assert (age.kind, age.dtype, age.default) == ("dense", "int64", 10.0)
    assert spec.field("behaviors", "tags").kind == "ids"
    assert spec.field("behaviors", "brand").dtype == "int64"
    assert spec.field("candidates", "level").dtype == "float32"
    assert spec.field("candidates", "price").transforms == (
        Transform("log1p"),
        Transform("clip", (0.0, 5.0)),
        Transform("standardize"),
    )
    assert spec.field("candidates", "score").transforms == (Transform("standardize", (1.0, 2.5)),)
    assert spec.roles == Roles(
        item=("item", "brand", "tags"),
        query=("query",),
        category="brand",
        scenario="kind",
        session_id="session_id",
        user_id="user_id",
        time="time",
        popularity="score",
        oracle={"click": "truth"},
        segments=("day", "kind"),
    )


def test_the_parent_of_the_category_is_read_and_absent_by_default() -> None:
    text = edited("category: brand", "category: brand\n  parent_category: item")
    assert parse_spec(text, "whole.yaml").roles.parent_category == "item"
    assert "parent_category" not in parse_spec(WHOLE, "whole.yaml").to_json()


@pytest.mark.parametrize("window", ["day", "train", "request"])
def test_global_labels_are_read_and_absent_by_default(window: str) -> None:
    whole = parse_spec(WHOLE, "whole.yaml")
    text = edited("  order: {label", f"  global: {{window: {window}}}\n  order: {{label")
    spec = parse_spec(text, "whole.yaml")
    assert_round_trip(spec)
    assert spec.global_window == window
    assert (spec.tasks, spec.labels, spec.fields) == (whole.tasks, whole.labels, whole.fields)
    keys = ["labels_click_global", "labels_order_global"]
    assert [field.key for field in spec.global_labels] == keys
    assert {(field.kind, field.section) for field in spec.global_labels} == {("label", "labels")}
    assert spec.record_fields == spec.fields + spec.global_labels
    assert (whole.global_window, whole.global_labels) == (None, ())
    assert "global" not in whole.to_json() and whole.record_fields == whole.fields


def test_scenario_features_are_read_and_absent_by_default() -> None:
    text = edited("[day, kind]", "[day, kind]\n  scenario_features: [candidates_price, age]")
    spec = parse_spec(text, "whole.yaml")
    assert spec.roles.scenario_features == ("candidates_price", "age")
    assert_round_trip(spec)
    assert "scenario_features" not in parse_spec(WHOLE, "whole.yaml").to_json()


def test_a_missing_file_names_its_neighbors(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text(WHOLE)
    with pytest.raises(SpecError, match=r"dmeo\.yaml: .*exists.*Did you mean `demo\.yaml`"):
        read_spec(tmp_path / "dmeo.yaml")
    with pytest.raises(SpecError, match="no folder .*nowhere"):
        read_spec(tmp_path / "nowhere" / "demo.yaml")


def test_a_folder_is_refused_and_points_to_its_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="this is a folder"):
        read_spec(tmp_path)
    (tmp_path / "feature_spec.json").write_text("{}")
    with pytest.raises(SpecError, match="Name .*feature_spec.json"):
        read_spec(tmp_path)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_a_spec_error(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(WHOLE)
    path.chmod(0)
    with pytest.raises(SpecError, match="must be readable"):
        read_spec(path)


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(edited("[a, b,", "[a, caf\xe9,").encode("latin-1"))
    with pytest.raises(SpecError, match=r"latin\.yaml:5: .*UTF-8"):
        read_spec(path)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert read_spec(path) == parse_spec(WHOLE, "whole.yaml")


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_checked_in_specs_are_read_and_round_trip(path: Path, tmp_path: Path) -> None:
    spec = read_spec(path)
    assert spec.name == path.stem
    assert_round_trip(spec)
    (tmp_path / "feature_spec.json").write_text(spec.to_json(), encoding="utf-8")
    assert read_spec(tmp_path / "feature_spec.json") == spec


def test_examples_of_the_reference_are_read() -> None:
    readme = (ROOT / "feature_specs" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    specs = [parse_spec(block, "README.md") for block in blocks]
    assert [spec.is_resolved for spec in specs] == [False, True]
    for spec in specs:
        assert_round_trip(spec)


def assert_round_trip(spec: FeatureSpec) -> None:
    again = parse_spec(spec.to_json(), "canonical.json")
    assert again == spec
    assert again.fingerprint == spec.fingerprint
    assert list(again.tables) == list(spec.tables)
    assert json.loads(spec.to_json()) == spec.to_document()


def test_a_resolved_spec_round_trips() -> None:
    spec = parse_spec(WHOLE, "whole.yaml")
    tables = {
        name: dataclasses.replace(table, size=29, sha256="0123456789abcdef" * 4)
        if table.kind == "vocabulary"
        else table
        for name, table in spec.tables.items()
    }
    assert_round_trip(dataclasses.replace(spec, tables=tables))


def test_a_long_list_of_values_round_trips() -> None:
    values = ", ".join(f"value-{number}" for number in range(2000))
    assert_round_trip(parse_spec(edited('a, b, "18-24"', values), "long.yaml"))


def test_comments_order_and_layout_keep_the_fingerprint() -> None:
    spec = parse_spec(WHOLE, "whole.yaml")
    assert parse_spec("# A comment.\n\n" + WHOLE, "x").fingerprint == spec.fingerprint
    generator = random.Random(7)
    for _ in range(5):
        shuffled = yaml.safe_dump(shuffle(spec.to_document(), generator), sort_keys=False)
        again = parse_spec(shuffled, "x")
        assert again == spec
        assert again.to_json() == spec.to_json()


def shuffle(document: object, generator: random.Random) -> object:
    """The document with the keys of all mappings in random order."""
    if not isinstance(document, dict):
        return document
    keys = generator.sample(list(document), len(document))
    return {key: shuffle(document[key], generator) for key in keys}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{width: 2, integer_ids: 13}", "{width: 2, integer_ids: 13, dtype: int64}"),
        ("{table: level}", "{table: level, optional: false}"),
        ("brands.txt, dtype: int64", "'brands.txt', dtype: int64"),
        ("[-1, 0.5, 1e+3]", "[-1.0, .5, 1000]"),
        ("transform: {standardize: [1, 2.5]}", "transform: [{standardize: [1.0, 2.50]}]"),
        ("{width: 5, hash_buckets: 11, dtype: string}", "{width: 5, hash_buckets: 11}"),
        ("{clip: [0, 5]}", "{clip: [-0.0, 5]}"),
    ],
)
def test_another_spelling_of_the_same_keeps_the_fingerprint(old: str, new: str) -> None:
    assert parse_spec(edited(old, new), "x").fingerprint == parse_spec(WHOLE, "x").fingerprint


# One edit for every key of the format.
MEANINGFUL = [
    ("name: whole", "name: whale"),
    ("width: 7", "width: 8"),
    ("learned, min_count: 2", "items.txt"),
    ("min_count: 2", "min_count: 3"),
    ("min_count: 2", "min_count: 2, size: 3"),
    ("min_count: 2", "min_count: 2, sha256: " + "a" * 64),
    ("brands.txt, dtype: int64", "brands.txt"),
    ('[a, b, "18-24"]', '[b, a, "18-24"]'),
    ("[1999, -3]", '["1999", "-3"]'),
    ("hash_buckets: 11", "hash_buckets: 12"),
    ("integer_ids: 13", "integer_ids: 12"),
    ("[-1, 0.5, 1e+3]", "[-1, 0.25, 1e+3]"),
    ("session_id: {metadata: string}", "session_id: {metadata: int64}"),
    ("{table: day, optional: true}", "{table: day}"),
    ("{table: level}", "{table: day}\n  other: {table: level}"),
    ("tokens: whitespace, ", ""),
    ("max_length: 3", "max_length: 4"),
    ("pool: max", "pool: mean"),
    ("dense: int64", "dense: float32"),
    ("default: 1e+1", "default: 1e+2"),
    ("max_length: 19", "max_length: 20"),
    ("[log1p, {clip: [0, 5]}, {s", "[{clip: [0, 5]}, log1p, {s"),
    ("[log1p, {clip: [0, 5]}, {s", "[{clip: [0, 5]}, {s"),
    ("{clip: [0, 5]}", "{clip: [0, 6]}"),
    ("{standardize: learned}", "{standardize: [0, 1]}"),
    ("[1, 2.5]", "[1, 2.6]"),
    ("  order: {label: binary}", "  purchase: {label: binary}"),
    ("[item, brand, tags]", "[item, tags, brand]"),
    ("  query: [query]\n", ""),
    ("  category: brand\n", ""),
    ("category: brand", "category: brand\n  parent_category: item"),
    ("  scenario: kind\n", ""),
    ("  session_id: session_id\n", ""),
    ("  user_id: user_id\n", ""),
    ("  time: time\n", ""),
    ("  popularity: score\n", ""),
    ("{click: truth}", "{order: truth}"),
    ("[day, kind]", "[kind, day]"),
    ("  order: {label", "  global: {window: day}\n  order: {label"),
    ("[day, kind]", "[day, kind]\n  scenario_features: [age]"),
]


@pytest.mark.parametrize(("old", "new"), MEANINGFUL)
def test_every_key_changes_the_fingerprint(old: str, new: str) -> None:
    changed = parse_spec(edited(old, new), "x")
    assert changed.fingerprint != parse_spec(WHOLE, "x").fingerprint
    assert_round_trip(changed)


# Adding 0.0 turns -0.0 into 0.0.
NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False).map((0.0).__add__)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    lambda text: text.splitlines() == [text]
)


@hypothesis.given(
    values=st.one_of(
        st.lists(TEXTS, min_size=1, unique=True),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True),
    ),
    boundaries=st.lists(NUMBERS, min_size=1, unique=True).map(sorted),
    default=NUMBERS,
    limits=st.tuples(NUMBERS, NUMBERS).filter(lambda limits: limits[0] < limits[1]),
    name=st.text(string.ascii_lowercase + string.digits + "_", max_size=9).map("n".__add__),
    count=st.integers(1, 2**31 - 3),
)
@hypothesis.settings(deadline=None, max_examples=60)
def test_any_values_and_numbers_round_trip_exactly(
    values: list[str] | list[int],
    boundaries: list[float],
    default: float,
    limits: tuple[float, float],
    name: str,
    count: int,
) -> None:
    whole = parse_spec(WHOLE, "whole.yaml")
    year = dataclasses.replace(
        whole.tables["year"],
        width=count,
        values=tuple(values),
        dtype="int64" if isinstance(values[0], int) else "string",
    )
    level = dataclasses.replace(whole.tables["level"], bucketize=tuple(boundaries))
    behaviors = tuple(
        dataclasses.replace(field, dtype=year.dtype) if field.table == "year" else field
        for field in whole.behaviors
    )
    candidates = tuple(
        dataclasses.replace(field, default=default, transforms=(Transform("clip", limits),))
        if field.name == "score"
        else field
        for field in whole.candidates
    )
    spec = dataclasses.replace(
        whole,
        name=name,
        tables={**whole.tables, "year": year, "level": level},
        behaviors=behaviors,
        candidates=candidates,
    )
    assert_round_trip(spec)


@hypothesis.given(
    start=st.integers(0, len(WHOLE)), length=st.integers(0, 12), new=st.text(max_size=6)
)
@hypothesis.settings(deadline=None, max_examples=200)
def test_damage_is_a_spec_error_or_nothing(start: int, length: int, new: str) -> None:
    damaged = WHOLE[:start] + new + WHOLE[start + length :]
    try:
        spec = parse_spec(damaged, "damaged.yaml")
    except SpecError as error:
        assert str(error).startswith("damaged.yaml")
    else:
        assert_round_trip(spec)
