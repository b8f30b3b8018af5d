import dataclasses
import hashlib
import math
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ranking.features.session_columns import cut_columns, session_columns
from ranking.features.spec import FeatureSpec, Field, Transform
from ranking.features.vocabularies import FeatureLearner, VocabularyError
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SPEC = small_spec()


def _learn(spec: FeatureSpec, *batches: pa.RecordBatch, folder: Path) -> FeatureSpec:
    learner = FeatureLearner(spec, folder)
    for batch in batches:
        learner.add(cut_columns(spec, session_columns(spec, batch)))
    return learner.resolve(folder / "out")


def _lines(folder: Path, table: str) -> list[str]:
    return (folder / "out" / f"{table}.txt").read_text(encoding="utf-8").split("\n")[:-1]


def _kept(row: dict[str, Any], spec: FeatureSpec) -> list[tuple[Field, Any]]:
    """All values of a session that records keep."""
    found = [(field, row[field.name]) for field in spec.session]
    for behavior in row["behaviors"][-spec.behaviors_max_length :]:
        found += [(field, behavior[field.name]) for field in spec.behaviors]
    for candidate in row["candidates"]:
        found += [(field, candidate[field.name]) for field in spec.candidates]
    return found


def _count(spec: FeatureSpec, batch: pa.RecordBatch, table: str) -> Counter[Any]:
    counts: Counter[Any] = Counter()
    for row in batch.to_pylist():
        for field, value in _kept(row, spec):
            if field.table != table or value is None:
                continue
            if field.kind == "text":
                value = value.lower().split()
            counts.update(value[: field.max_length] if field.kind != "id" else [value])
    return counts


@pytest.mark.parametrize("table", ["item", "topic", "city", "shop"])
def test_values_come_by_falling_count_then_value(table: str, tmp_path: Path) -> None:
    batch = small_sessions(SPEC, 31, 0)
    spec = _learn(SPEC, batch.slice(0, 13), batch.slice(13), folder=tmp_path)
    counts = _count(SPEC, batch, table)
    kept = [value for value, count in counts.items() if count >= SPEC.tables[table].min_count]
    in_order = sorted(kept, key=lambda value: (-counts[value], _sortable(value)))
    assert _lines(tmp_path, table) == [str(value) for value in in_order]
    assert spec.tables[table].size == len(in_order)
    content = (tmp_path / "out" / f"{table}.txt").read_bytes()
    assert spec.tables[table].sha256 == hashlib.sha256(content).hexdigest()


def _sortable(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def test_everything_is_resolved_and_the_rest_unchanged(tmp_path: Path) -> None:
    spec = _learn(SPEC, small_sessions(SPEC, 31, 0), folder=tmp_path)
    assert spec.is_resolved
    learned = {path.stem for path in (tmp_path / "out").iterdir()}
    assert learned == {"item", "topic", "city", "shop"}
    for name, table in SPEC.tables.items():
        resolved = dataclasses.replace(spec.tables[name], size=None, sha256=None)
        assert resolved == table
    assert spec.labels == SPEC.labels and spec.roles == SPEC.roles


def test_min_count_leaves_rare_values_out(tmp_path: Path) -> None:
    batch = small_sessions(SPEC, 31, 0)
    counts = _count(SPEC, batch, "topic")
    least = sorted(counts.values())[len(counts) // 2]
    tables = {**SPEC.tables, "topic": dataclasses.replace(SPEC.tables["topic"], min_count=least)}
    _learn(dataclasses.replace(SPEC, tables=tables), batch, folder=tmp_path)
    kept = {value for value, count in counts.items() if count >= least}
    assert set(_lines(tmp_path, "topic")) == kept
    assert len(kept) < len(counts)


def test_text_is_counted_as_it_is_encoded(tmp_path: Path) -> None:
    rows = small_sessions(SPEC, 1, 0).to_pylist()
    # One more letter than it had, a final sigma, white space that does not split, a cut.
    title = "İstanbul ΟΔΟΣ a\u00a0b four FIFTH"
    rows[0]["candidates"] = [rows[0]["candidates"][0] | {"title": title, "topics": []}] * 2
    rows[0] |= {"behaviors": rows[0]["behaviors"][:1], "interests": None}
    rows[0]["behaviors"][0]["topics"] = []
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    _learn(_other_tables_lenient(SPEC), batch, folder=tmp_path)
    assert _lines(tmp_path, "topic") == ["a\u00a0b", "four", "i̇stanbul", "οδος"]


def _other_tables_lenient(spec: FeatureSpec) -> FeatureSpec:
    fixed = {
        name: dataclasses.replace(table, kind="hash_buckets", vocabulary=None, hash_buckets=3)
        for name, table in spec.tables.items()
        if name in ("item", "city", "shop")
    }
    return dataclasses.replace(spec, tables={**spec.tables, **fixed})


def test_missing_values_are_no_entries(tmp_path: Path) -> None:
    rows = small_sessions(SPEC, 5, 0).to_pylist()
    rows[0]["candidates"][0] |= {"item": "", "shop": -1}
    rows[1]["candidates"][0]["item"] = "  "
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    _learn(SPEC, batch, folder=tmp_path)
    assert not [line for line in _lines(tmp_path, "item") if not line.strip()]
    assert "-1" not in _lines(tmp_path, "shop")


def test_statistics_are_of_numbers_that_are_there_after_earlier_steps(tmp_path: Path) -> None:
    batch = small_sessions(SPEC, 31, 0)
    spec = _learn(SPEC, batch.slice(0, 7), batch.slice(7), folder=tmp_path)
    candidates = [one for row in batch.to_pylist() for one in row["candidates"]]
    logs = [math.log1p(one["price"]) for one in candidates if not math.isnan(one["price"])]
    assert len(logs) < len(candidates)
    mean = sum(logs) / len(logs)
    deviation = math.sqrt(sum((log - mean) ** 2 for log in logs) / len(logs))
    log1p, standardize = spec.field("candidates", "price").transforms
    assert log1p == Transform("log1p")
    assert standardize.arguments == pytest.approx((mean, deviation), rel=1e-6)


def test_the_deviation_of_a_constant_is_one(tmp_path: Path) -> None:
    rows = small_sessions(SPEC, 7, 0).to_pylist()
    for row in rows:
        for candidate in row["candidates"]:
            candidate["popularity"] = 1e6 + 0.1
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    spec = _learn(SPEC, batch, folder=tmp_path)
    (standardize,) = spec.field("candidates", "popularity").transforms
    assert standardize.arguments == (1000000.12, 1.0)


def test_clip_comes_before_the_statistics(tmp_path: Path) -> None:
    steps = (Transform("clip", (0.0, 0.0)), Transform("standardize"))
    candidates = tuple(
        dataclasses.replace(field, transforms=steps) if field.name == "popularity" else field
        for field in SPEC.candidates
    )
    spec = dataclasses.replace(SPEC, candidates=candidates)
    spec = _learn(spec, small_sessions(spec, 7, 0), folder=tmp_path)
    assert spec.field("candidates", "popularity").transforms[1].arguments == (0.0, 1.0)


def test_a_table_with_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    tables = {**SPEC.tables, "city": dataclasses.replace(SPEC.tables["city"], min_count=99)}
    spec = dataclasses.replace(SPEC, tables=tables)
    with pytest.raises(VocabularyError, match="Table `city` .* at least 99 times .*Lower"):
        _learn(spec, small_sessions(spec, 7, 0), folder=tmp_path)


def test_a_vocabulary_file_is_copied_in_its_order(tmp_path: Path) -> None:
    spec = small_spec(vocabulary_file="cities.txt")
    (tmp_path / "cities.txt").write_bytes("東京\r\nOslo\r\n Bergen".encode("utf-8-sig"))
    resolved = _learn(spec, small_sessions(spec, 7, 0), folder=tmp_path)
    assert _lines(tmp_path, "city") == ["東京", "Oslo", " Bergen"]
    assert resolved.tables["city"].size == 3
    assert resolved.tables["city"].vocabulary == "vocabularies/city.txt"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Oslo\n\nBergen\n", r"cities.txt:2 must hold a value. Received: a blank line"),
        ("Oslo\nBergen\nOslo\n", r"cities.txt:3 must not repeat a value; it is in line 1"),
        ("", r"cities.txt must hold at least one value"),
        ("Oslo\rBergen\n", r"cities.txt:1 must hold no carriage return"),
        (None, r"city`: .*No such file.*cities.txt"),
        (b"\xff\n", r"cities.txt must be UTF-8"),
    ],
)
def test_a_bad_vocabulary_file_is_one_error(
    content: str | bytes | None, message: str, tmp_path: Path
) -> None:
    spec = small_spec(vocabulary_file="cities.txt")
    if content is not None:
        text = content.encode() if isinstance(content, str) else content
        (tmp_path / "cities.txt").write_bytes(text)
    with pytest.raises(VocabularyError, match=message):
        _learn(spec, small_sessions(spec, 7, 0), folder=tmp_path)


def test_numbers_in_a_vocabulary_file_are_checked(tmp_path: Path) -> None:
    table = dataclasses.replace(SPEC.tables["shop"], vocabulary="shops.txt")
    spec = dataclasses.replace(SPEC, tables={**SPEC.tables, "shop": table})
    (tmp_path / "shops.txt").write_text("100\n101a\n", encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"shops.txt:2 must be a whole number .*'101a'"):
        _learn(spec, small_sessions(spec, 7, 0), folder=tmp_path)


def test_a_resolved_spec_keeps_its_vocabularies_and_statistics(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = _learn(SPEC, small_sessions(SPEC, 31, 0), folder=tmp_path / "first")
    (tmp_path / "first" / "out").rename(tmp_path / "vocabularies")
    learner = FeatureLearner(first, tmp_path)
    assert not learner.needs_sessions
    assert learner.resolve(tmp_path / "out") == first
    (tmp_path / "vocabularies" / "city.txt").write_text("Lima\n", encoding="utf-8")
    with pytest.raises(VocabularyError, match="city.txt is not the vocabulary"):
        learner.resolve(tmp_path / "out")


def test_merged_learners_know_what_one_knows_that_saw_all(tmp_path: Path) -> None:
    batch = small_sessions(SPEC, 61, 7)
    (tmp_path / "parts").mkdir()
    whole = _learn(SPEC, batch, folder=tmp_path)
    merged = FeatureLearner(SPEC, tmp_path)
    # In another order, as machines finish.
    for start, count in ((40, 21), (0, 3), (3, 37)):
        learner = FeatureLearner(SPEC, tmp_path)
        part = batch.slice(start, count)
        learner.add(cut_columns(SPEC, session_columns(SPEC, part)))
        merged.merge(pickle.loads(pickle.dumps(learner)))
    assert merged.resolve(tmp_path / "parts" / "out") == whole
    for table in ("item", "topic", "city", "shop"):
        assert _lines(tmp_path / "parts", table) == _lines(tmp_path, table)
