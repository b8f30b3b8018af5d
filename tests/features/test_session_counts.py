import dataclasses

from ranking.features.session_columns import cut_columns, session_columns
from ranking.features.session_counts import SessionCounts, count_sessions, sum_counts
from tests.helpers.small_spec import small_sessions, small_spec

SPEC = small_spec()
BATCH = small_sessions(SPEC, 23, 4)


def _counts(start: int, count: int) -> SessionCounts:
    batch = BATCH.slice(start, count)
    return count_sessions(SPEC, cut_columns(SPEC, session_columns(SPEC, batch)))


def test_counts_are_those_of_the_rows() -> None:
    counts, rows = _counts(0, 23), BATCH.to_pylist()
    clicks = [sum(one["click"] for one in row["candidates"]) for row in rows]
    kept = [min(len(row["behaviors"]), SPEC.behaviors_max_length) for row in rows]
    assert counts.sessions == 23
    assert counts.candidates == sum(len(row["candidates"]) for row in rows)
    assert counts.behaviors == sum(kept)
    assert counts.positives["click"] == sum(clicks)
    assert counts.sessions_with_positive["click"] == sum(count > 0 for count in clicks)
    assert counts.global_positives == counts.global_differing == {}


def test_counts_of_pieces_add_up() -> None:
    assert sum_counts([_counts(0, 9), _counts(9, 0), _counts(9, 14)]) == _counts(0, 23)


def test_nothing_counts_nothing() -> None:
    assert dataclasses.astuple(sum_counts([])) == (0, 0, 0, {}, {}, {}, {})
