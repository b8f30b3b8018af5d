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
    with pytest.raises(SourceError, match="`behaviors_tags` .* lists as long as"):
        _read([file])


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
