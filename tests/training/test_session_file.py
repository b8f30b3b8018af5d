import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranking.training import session_file
from ranking.training.session_file import SessionFile, SessionFileWriter

DOCUMENT = {"model": "din", "model_settings": {"sizes": [7, 5]}, "seed": 3, "simulated": True}
FLOATS = pa.list_(pa.float32())


def _columns(first, count):
    """Rows number `first` to `first + count - 1`; row n has n modulo 4 candidates."""
    rows = np.arange(first, first + count)
    return {
        "session_id": np.array([f"session-{row}" for row in rows]),
        "history": rows,
        "segment.city": np.array(["Århus", "Oslo"])[rows % 2],
        "click.session_auc": np.where(rows % 3 == 0, np.nan, rows / 100),
        "click.scores": pa.array([[row + 0.5] * (row % 4) for row in rows.tolist()], FLOATS),
        "click.labels": pa.array([[0.0] * (row % 4) for row in rows.tolist()], FLOATS),
        "order.scores": pa.array([[1.0]] * count, FLOATS),
        "gate": pa.array([[row, 0.25] for row in rows.tolist()], FLOATS),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "sessions-test.parquet"


def _write(path, *sizes):
    with SessionFileWriter(path, DOCUMENT) as writer:
        for first, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False):
            writer.write(_columns(first, size))


@pytest.mark.parametrize("rows_per_group", [1, 11, 10**6])
def test_what_is_written_is_read(path, monkeypatch, rows_per_group):
    monkeypatch.setattr(session_file, "_ROWS_PER_GROUP", rows_per_group)
    _write(path, 5, 7, 1)
    file = SessionFile(path)
    expected = _columns(0, 13)
    assert len(file) == 13 and file.document == DOCUMENT
    for name in ("session_id", "history", "segment.city", "click.session_auc"):
        np.testing.assert_array_equal(file.column(name), expected[name])
    scores, lengths = file.lists("click.scores")
    assert lengths.tolist() == [row % 4 for row in range(13)]
    assert scores.tolist() == [row + 0.5 for row in range(13) for _ in range(row % 4)]
    np.testing.assert_array_equal(file.gates(), [[row, 0.25] for row in range(13)])
    assert file.gates().dtype == np.float32
    assert file.tasks == ("click", "order") and file.dimensions == ("city",)
    assert "gate" in file and "user_id" not in file


def test_rows_are_written_before_the_end(path, monkeypatch):
    monkeypatch.setattr(session_file, "_ROWS_PER_GROUP", 7)
    _write(path, *[3] * 11)
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [9, 9, 9, 6]


def test_the_file_appears_when_it_is_whole(path, monkeypatch):
    monkeypatch.setattr(session_file, "_ROWS_PER_GROUP", 3)
    with SessionFileWriter(path, DOCUMENT) as writer:
        writer.write(_columns(0, 5))
        assert not path.exists()
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("rows_per_group", [3, 1000])
def test_a_failed_evaluation_leaves_the_old_file_and_no_other(path, monkeypatch, rows_per_group):
    monkeypatch.setattr(session_file, "_ROWS_PER_GROUP", rows_per_group)
    _write(path, 5)
    with pytest.raises(RuntimeError), SessionFileWriter(path, DOCUMENT) as writer:
        writer.write(_columns(0, 7))
        raise RuntimeError
    assert len(SessionFile(path)) == 5
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_last_write_that_fails_leaves_nothing(path):
    with pytest.raises(pa.ArrowInvalid), SessionFileWriter(path, DOCUMENT) as writer:
        writer.write(_columns(0, 5))
        writer.write({"history": np.arange(3)})
    assert list(path.parent.iterdir()) == []


def test_no_rows_make_no_file(path):
    _write(path)
    assert list(path.parent.iterdir()) == []


def test_an_unknown_column_is_one_clear_error(path):
    _write(path, 3)
    with pytest.raises(ValueError, match=r"has no column `user_id`\. It has: session_id, history"):
        SessionFile(path).column("user_id")


def _other_table(path):
    pq.write_table(pa.table({"history": [1]}), path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_text("no table"),
        _other_table,
    ],
)
def test_what_is_no_session_file_is_one_clear_error(path, damage):
    _write(path, 3)
    damage(path)
    with pytest.raises(ValueError, match="must be the file of an evaluation's sessions: .* Make"):
        SessionFile(path)
