import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranking.features.spec import Field
from ranking.sources import impression_sessions
from ranking.sources.impression_sessions import check_impressions, read_impressions
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError
from tests.helpers.specs import impressions, shop_session, shop_spec

SPEC = shop_spec(session_id="session_id")
SESSIONS = [shop_session(number, time=number, shown=1 + number % 4) for number in range(13)]


def _write(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def _read(files, spec=SPEC):
    batches = list(read_impressions(files, spec, arrow_schema(spec)))
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("rows_per_batch", [1, 2, 5, 1000])
def test_rows_become_the_sessions_they_were(tmp_path, monkeypatch, rows_per_batch):
    monkeypatch.setattr(impression_sessions, "_ROWS_PER_BATCH", rows_per_batch)
    file = _write(tmp_path / "a.parquet", impressions(SESSIONS))
    assert _read([file]) == SESSIONS


def test_a_session_may_go_over_the_end_of_a_file(tmp_path):
    rows = impressions(SESSIONS)
    files = [
        _write(tmp_path / f"{part}.parquet", rows[part * 9 : part * 9 + 9]) for part in range(4)
    ]
    assert _read(files) == SESSIONS


def test_keys_are_names_too(tmp_path):
    rows = [
        {**row, "candidates_price": row["price"], "labels_click": row["click"]}
        for row in impressions(SESSIONS)
    ]
    for row in rows:
        del row["price"], row["click"]
    assert _read([_write(tmp_path / "a.parquet", rows)]) == SESSIONS


def test_a_candidate_field_named_like_a_session_field_needs_its_key(tmp_path):
    price = Field("price", "session", "dense", "float32")
    spec = dataclasses.replace(SPEC, session=(price, *SPEC.session))
    rows = [
        {**row, "candidates_price": row["price"], "price": 99.0} for row in impressions(SESSIONS)
    ]
    read = _read([_write(tmp_path / "a.parquet", rows)], spec)
    assert [row["price"] for row in read] == [99.0] * len(SESSIONS)
    assert [row["candidates"] for row in read] == [row["candidates"] for row in SESSIONS]


def test_rows_of_a_session_that_are_apart_are_an_error(tmp_path):
    rows = impressions(SESSIONS)
    file = _write(tmp_path / "a.parquet", [*rows, rows[0]])
    with pytest.raises(SourceError, match="session `s0` .* must stand together"):
        _read([file])


def test_a_session_field_that_changes_within_a_session_is_an_error(tmp_path):
    rows = impressions(SESSIONS)
    changed = next(
        at for at, row in enumerate(rows) if at and row["session_id"] == rows[at - 1]["session_id"]
    )
    rows[changed]["time"] += 1
    file = _write(tmp_path / "a.parquet", rows)
    with pytest.raises(SourceError, match="`time` .* several values in session `s1`"):
        _read([file])


def test_behavior_lists_of_different_length_are_an_error(tmp_path):
    rows = impressions(SESSIONS)
    for row in rows:
        row["behaviors_tags"] = row["behaviors_tags"][:1]
    file = _write(tmp_path / "a.parquet", rows)
    with pytest.raises(
        SourceError,
        match="`behaviors_tags` .* lists as long as `behaviors_item`.*Received: 1 and 2 values",
    ):
        _read([file])


def _with_optional(*names):
    """The spec with optional behavior fields."""
    fields = [dataclasses.replace(f, optional=f.name in names) for f in SPEC.behaviors]
    return dataclasses.replace(SPEC, behaviors=tuple(fields))


def _without(behavior):
    return [
        {**row, "behaviors": [{**entry, behavior: None} for entry in row["behaviors"]]}
        for row in SESSIONS
    ]


@pytest.mark.parametrize("name", ["item", "tags"])
def test_behaviors_under_another_name_are_no_empty_history(tmp_path, name):
    rows = impressions(SESSIONS)
    for row in rows:
        row[f"hist_{name}"] = row.pop(f"behaviors_{name}")
    file = _write(tmp_path / "a.parquet", rows)
    missing = f"`behaviors_{name}` is missing in .*a.parquet"
    with pytest.raises(SourceError, match=f"{missing}.*`hist_{name}`.*`optional: true`"):
        check_impressions([file], SPEC, arrow_schema(SPEC))
    with pytest.raises(SourceError, match=missing):
        _read([file])


@pytest.mark.parametrize("name", ["item", "tags"])
def test_optional_behaviors_may_be_absent(tmp_path, name):
    rows = impressions(SESSIONS)
    for row in rows:
        del row[f"behaviors_{name}"]
    file = _write(tmp_path / "a.parquet", rows)
    assert _read([file], _with_optional(name)) == _without(name)
    empty = [{**row, "behaviors": []} for row in SESSIONS]
    for row in rows:
        row.pop("behaviors_tags" if name == "item" else "behaviors_item")
    file = _write(tmp_path / "b.parquet", rows)
    assert _read([file], _with_optional("item", "tags")) == empty


def test_optional_behaviors_may_be_null_in_some_sessions(tmp_path):
    rows = impressions(SESSIONS)
    for row in rows:
        if row["session_id"] in ("s2", "s8"):
            row["behaviors_tags"] = None
    expected = list(SESSIONS)
    for number in (2, 8):
        expected[number] = _without("tags")[number]
    file = _write(tmp_path / "a.parquet", rows)
    assert _read([file], _with_optional("tags")) == expected
    with pytest.raises(SourceError, match="`behaviors_tags` .*Received: 0 and 2 values"):
        _read([file])


def test_lists_that_disagree_are_named_where_another_is_absent(tmp_path):
    spec = _with_optional("item")
    extra = Field("days", "behaviors", "dense", "float32")
    spec = dataclasses.replace(spec, behaviors=(*spec.behaviors, extra))
    rows = impressions(SESSIONS)
    for row in rows:
        row["behaviors_days"] = [1.0] * len(row.pop("behaviors_item")) + [2.0]
    file = _write(tmp_path / "a.parquet", rows)
    with pytest.raises(SourceError, match="`behaviors_days` .* as long as `behaviors_tags`"):
        _read([file], spec)


def test_a_null_names_the_row_of_the_file(tmp_path):
    rows = impressions(SESSIONS)
    rows[17]["item"] = None
    file = _write(tmp_path / "a.parquet", rows)
    with pytest.raises(SourceError, match="`item` in .*null in row 17"):
        _read([file])


def test_a_spec_without_session_id_is_an_error(tmp_path):
    spec = shop_spec()
    with pytest.raises(SourceError, match="Set `session_id` under `roles`"):
        check_impressions([], spec, arrow_schema(spec))
