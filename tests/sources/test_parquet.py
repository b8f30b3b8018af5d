import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ranking.sources.catalog import open_source
from ranking.sources.parquet_files import find_files
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError
from tests.helpers.specs import impressions, shop_session, shop_spec

SPEC = shop_spec(session_id="session_id", user_id="user_id", time="time")


def _write(path, rows, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, **settings)


def _open(path, spec=SPEC, seed=0, **options):
    return open_source("parquet", spec, str(path), options, seed)


def _rows(source, split):
    batches = list(source.splits[split]())
    assert all(batch.schema.equals(arrow_schema(SPEC)) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def _sessions(count):
    return [
        shop_session(number, user=f"user {number % 23}", time=number * 10)
        for number in range(count)
    ]


def test_a_folder_of_splits_is_read_as_it_is(tmp_path):
    rows = _sessions(11)
    _write(tmp_path / "train" / "part-0.parquet", rows[:3])
    _write(tmp_path / "train" / "part-1.parquet", rows[3:6])
    _write(tmp_path / "train" / "_temporary" / "part-1.parquet", rows[:6])
    _write(tmp_path / "validation.parquet", rows[6:7])
    _write(tmp_path / "test.parquet", rows[7:])
    source = _open(tmp_path)
    assert not source.simulated
    assert {split: _rows(source, split) for split in source.splits} == {
        "train": rows[:6],
        "validation": rows[6:7],
        "test": rows[7:],
    }
    assert source.description["split"] == "given"
    assert source.description["train_files"] == 2


def test_folders_behind_links_are_read_once(tmp_path):
    rows = _sessions(11)
    train = tmp_path / "input" / "train"
    _write(train / "b" / "part-0.parquet", rows[:3])
    _write(tmp_path / "store" / "deep" / "part-0.parquet", rows[3:])
    (train / "a").symlink_to(tmp_path / "store")
    (train / "c").symlink_to(tmp_path / "store" / "deep")  # the same once more
    (train / "b" / "up").symlink_to(train)
    (tmp_path / "store" / "deep" / "around").symlink_to(train / "b")
    files = find_files(train)
    assert files == sorted(files) and len(files) == 2
    source = _open(tmp_path / "input")
    assert sorted(_rows(source, "train"), key=lambda row: row["time"]) == rows
    assert source.description["train_files"] == 2


@pytest.mark.parametrize("given", [True, False])
def test_the_parts_of_a_split_are_the_split(tmp_path, given):
    rows = _sessions(60)
    folder = tmp_path / "train" if given else tmp_path
    for number, start in enumerate((0, 23, 31)):
        _write(folder / f"part-{number}.parquet", rows[start : (23, 31, 60)[number]])
    source = _open(tmp_path)
    assert len(source.splits) == (1 if given else 3)
    for split in source.splits:
        parts = source.parts_of(split)
        assert len(parts) == 3
        read = [row for part in parts for batch in part() for row in batch.to_pylist()]
        assert read == _rows(source, split)


def test_sessions_that_reach_from_file_to_file_are_one_part(tmp_path):
    rows = impressions([shop_session(number) for number in range(3)])
    _write(tmp_path / "train" / "part-0.parquet", rows[:2])
    _write(tmp_path / "train" / "part-1.parquet", rows[2:])
    source = _open(tmp_path, layout="impressions")
    (part,) = source.parts_of("train")
    read = [row for batch in part() for row in batch.to_pylist()]
    assert read == _rows(source, "train") and len(read) == 3


def test_every_pass_over_a_split_is_the_same(tmp_path):
    _write(tmp_path / "train.parquet", _sessions(5))
    source = _open(tmp_path)
    assert _rows(source, "train") == _rows(source, "train")


def test_large_files_come_in_small_batches(tmp_path):
    _write(tmp_path / "train.parquet", _sessions(2500), row_group_size=2000)
    sizes = [batch.num_rows for batch in _open(tmp_path).splits["train"]()]
    assert sum(sizes) == 2500 and max(sizes) <= 1024


def test_one_file_is_split_by_time_without_leak(tmp_path):
    rows = _sessions(60)
    order = np.random.default_rng(7).permutation(60)
    _write(tmp_path / "all.parquet", [rows[at] for at in order])
    source = _open(tmp_path / "all.parquet", validation_share="0.1", test_share="0.2")
    assert source.description["split"] == "time"
    times = {split: [row["time"] for row in _rows(source, split)] for split in source.splits}
    assert [len(times[split]) for split in ("train", "validation", "test")] == [42, 6, 12]
    assert max(times["train"]) < min(times["validation"])
    assert max(times["validation"]) < min(times["test"])
    for split, seen in times.items():
        assert source.description[f"{split}_sessions"] == len(seen)


def test_a_folder_of_files_is_split_by_user(tmp_path):
    rows = _sessions(230)
    for part in range(3):
        _write(tmp_path / "day" / f"{part}.parquet", rows[part::3])
    source = _open(tmp_path, split="user", validation_share="0.2", test_share="0.2", seed=2)
    read = {split: _rows(source, split) for split in source.splits}
    users = [{row["user_id"] for row in rows} for rows in read.values()]
    assert sum(map(len, users)) == len(set.union(*users)) == 23
    everything = [row for rows in read.values() for row in rows]
    assert sorted(everything, key=lambda row: row["time"]) == rows
    again = _open(tmp_path, split="user", validation_share="0.2", test_share="0.2", seed=2)
    assert {split: _rows(again, split) for split in again.splits} == read


def test_without_a_time_in_the_spec_users_are_split(tmp_path):
    _write(tmp_path / "all.parquet", _sessions(230))
    source = _open(tmp_path, spec=shop_spec(user_id="user_id"))
    assert source.description["split"] == "user"


@pytest.mark.parametrize("split", ["time", "user"])
def test_a_split_whose_role_is_not_set_is_an_error(tmp_path, split):
    _write(tmp_path / "all.parquet", _sessions(9))
    with pytest.raises(SourceError, match=f"split={split} needs the role"):
        _open(tmp_path, spec=shop_spec(), split=split)


def test_split_options_beside_given_splits_are_an_error(tmp_path):
    _write(tmp_path / "train.parquet", _sessions(9))
    with pytest.raises(SourceError, match="Option `test_share` splits sessions"):
        _open(tmp_path, test_share="0.2")


def test_shares_that_leave_nothing_for_train_are_an_error(tmp_path):
    _write(tmp_path / "all.parquet", _sessions(9))
    with pytest.raises(SourceError, match="below 1"):
        _open(tmp_path, test_share="0.5", validation_share="0.5")


def test_missing_or_empty_input_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="nowhere does not exist"):
        _open(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="is empty"):
        _open(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceError, match="no file whose name ends in `.parquet`"):
        _open(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(SourceError, match="train is empty"):
        _open(tmp_path)


def test_splits_without_train_are_an_error(tmp_path):
    _write(tmp_path / "test.parquet", _sessions(3))
    with pytest.raises(SourceError, match="has test but no train"):
        _open(tmp_path)


@pytest.mark.parametrize(
    ("stray", "hint"),
    [
        ("valid.parquet", "Did you mean `validation`?"),
        ("train-2.parquet", "Did you mean `train`?"),
        ("val/part-0.parquet", "There are: `test`, `train`, `validation`."),
        ("Test.parquet/part-0.parquet", "Did you mean `test`?"),
    ],
)
def test_sessions_that_belong_to_no_split_are_an_error(tmp_path, stray, hint):
    for name in ("train.parquet", "test.parquet", stray):
        _write(tmp_path / name, _sessions(3))
    with pytest.raises(SourceError) as error:
        _open(tmp_path)
    message = str(error.value)
    assert f"{tmp_path / stray.split('/')[0]} must be a split" in message and hint in message


def test_what_is_no_data_may_stand_beside_splits(tmp_path):
    for name in ("train.parquet", "_old.parquet", ".cache/a.parquet", "notes/_b.parquet"):
        _write(tmp_path / name, _sessions(3))
    (tmp_path / "README.txt").touch()
    assert list(_open(tmp_path).splits) == ["train"]


def test_a_split_in_both_forms_is_an_error(tmp_path):
    _write(tmp_path / "train" / "a.parquet", _sessions(3))
    _write(tmp_path / "train.parquet", _sessions(3))
    with pytest.raises(SourceError, match=r"must have train once.*`train` and `train\.parquet`"):
        _open(tmp_path)


def test_a_truncated_file_is_named_before_anything_is_read(tmp_path):
    _write(tmp_path / "train" / "a.parquet", _sessions(3))
    whole = (tmp_path / "train" / "a.parquet").read_bytes()
    (tmp_path / "train" / "b.parquet").write_bytes(whole[:-20])
    with pytest.raises(SourceError, match=r"b\.parquet is not a whole Parquet file"):
        _open(tmp_path)


def test_damage_inside_a_file_is_an_error_of_the_file(tmp_path):
    path = tmp_path / "train.parquet"
    _write(path, _sessions(300), compression="zstd")
    content = bytearray(path.read_bytes())
    content[60:2000] = bytes(1940)
    path.write_bytes(content)
    source = _open(tmp_path)
    with pytest.raises(SourceError, match=r"train\.parquet is not a whole Parquet file"):
        list(source.splits["train"]())


@pytest.mark.parametrize("layout", ["sessions", "impressions"])
def test_a_missing_column_or_wrong_type_is_found_before_anything_is_read(tmp_path, layout):
    rows = _sessions(3) if layout == "sessions" else impressions(_sessions(3))
    _write(tmp_path / "train.parquet", [{**row, "time": "noon"} for row in rows])
    with pytest.raises(SourceError, match=r"`time` in .*train\.parquet must be int64"):
        _open(tmp_path, layout=layout)
    _write(tmp_path / "train.parquet", [{k: row[k] for k in row if k != "time"} for row in rows])
    with pytest.raises(SourceError, match=r"`time` is missing in .*train\.parquet"):
        _open(tmp_path, layout=layout)


@pytest.mark.parametrize("split", ["time", "user"])
def test_impressions_split_like_the_sessions_they_are_made_of(tmp_path, split):
    rows = _sessions(90)
    _write(tmp_path / "nested.parquet", rows)
    _write(tmp_path / "flat.parquet", impressions(rows))
    settings = {"split": split, "validation_share": "0.2", "test_share": "0.2"}
    nested = _open(tmp_path / "nested.parquet", **settings)
    flat = _open(tmp_path / "flat.parquet", layout="impressions", **settings)
    for name in ("train", "validation", "test"):
        assert _rows(flat, name) == _rows(nested, name)
