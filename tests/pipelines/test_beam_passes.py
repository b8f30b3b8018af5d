"""Preparation on Beam against preparation here; skipped where Beam is not installed."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import prepare as program
from ranking.features.local_passes import LocalPasses
from ranking.features.preparation import prepare
from ranking.features.validation import RecordError
from ranking.sources.catalog import open_source
from ranking.sources.session_source import SessionSource
from tests.helpers.global_label_oracle import crowded_sessions
from tests.helpers.list_source import list_source
from tests.helpers.prepared_files import contents_of
from tests.helpers.run_main import program_runner
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

pytest.importorskip("apache_beam", reason="apache-beam is not installed: pip install '.[beam]'")

from pipelines.beam_passes import BeamPasses

SPEC = small_spec()
GLOBAL = dataclasses.replace(SPEC, global_window="day")
CROWDS = {
    split: crowded_sessions(SPEC, n, seed)
    for seed, (split, n) in enumerate((("train", 41), ("validation", 3), ("test", 17)))
}
CROWD = list_source({split: [batch.slice(0, 2), batch.slice(2)] for split, batch in CROWDS.items()})
OPTIONS: dict[str, Any] = {"shards": 5, "seed": 5, "source_name": "memory"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Parquet files of sessions, several per split, as several machines read them."""
    for split, n in (("train", 31), ("test", 13)):
        (tmp_path / "logs" / split).mkdir(parents=True)
        batch = small_sessions(SPEC, n, n)
        for number, start in enumerate(range(0, n, 7)):
            path = tmp_path / "logs" / split / f"part-{number}.parquet"
            pq.write_table(pa.Table.from_batches([batch.slice(start, 7)]), path)
    return tmp_path / "logs"


def _same(first: Path, second: Path) -> None:
    one, other = contents_of(first), contents_of(second)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_beam_writes_what_this_machine_writes(noise: float, tmp_path: Path) -> None:
    """Records, vocabularies, statistics, global labels, noise, manifest: byte for byte."""
    options = OPTIONS | {"global_label_noise": noise}
    prepare(GLOBAL, CROWD, tmp_path / "local", **options)
    data = prepare(GLOBAL, CROWD, tmp_path / "beam", passes=BeamPasses(), **options)
    _same(tmp_path / "local", tmp_path / "beam")
    assert data.manifest.splits["validation"].sessions == 3  # Fewer than shards.


def test_parts_of_a_source_are_numbered_in_their_order(files: Path, tmp_path: Path) -> None:
    source = open_source("parquet", SPEC, str(files), {}, 0)
    assert [len(source.parts_of(split)) for split in ("train", "test")] == [5, 2]
    prepare(SPEC, source, tmp_path / "local", **OPTIONS)
    prepare(SPEC, source, tmp_path / "beam", passes=BeamPasses(), **OPTIONS)
    _same(tmp_path / "local", tmp_path / "beam")


def test_a_resolved_spec_learns_nothing(files: Path, tmp_path: Path) -> None:
    source = open_source("parquet", SPEC, str(files), {}, 0)
    first = prepare(SPEC, source, tmp_path / "first", **OPTIONS)
    options = OPTIONS | {"spec_folder": first.folder}
    prepare(first.spec, source, tmp_path / "local", **options)
    prepare(first.spec, source, tmp_path / "beam", passes=BeamPasses(), **options)
    _same(tmp_path / "local", tmp_path / "beam")


def test_several_processes_write_the_same(files: Path, tmp_path: Path) -> None:
    source = open_source("parquet", SPEC, str(files), {}, 0)
    processes = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    prepare(SPEC, source, tmp_path / "local", **OPTIONS)
    prepare(SPEC, source, tmp_path / "beam", passes=BeamPasses(processes), **OPTIONS)
    _same(tmp_path / "local", tmp_path / "beam")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_bad_session_is_the_same_error_and_leaves_no_folder(split: str, tmp_path: Path) -> None:
    rows = CROWDS[split].to_pylist()
    rows[9]["candidates"][0]["click"] = 3
    bad = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    source = list_source({**{name: [batch] for name, batch in CROWDS.items()}, split: [bad]})
    messages = []
    for passes in (LocalPasses(), BeamPasses()):
        with pytest.raises(RecordError) as failure:
            prepare(SPEC, source, tmp_path / "data", passes=passes, **OPTIONS)
        messages.append(str(failure.value))
    assert messages[0] == messages[1]
    assert f"memory/{split}, session 9 " in messages[0]
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_between_passes_is_found(tmp_path: Path) -> None:
    def read() -> Iterator[pa.RecordBatch]:
        return iter([CROWDS["train"]] if _count(tmp_path) == 1 else [CROWDS["test"]])

    source = SessionSource({"train": read}, simulated=True, description={})
    with pytest.raises(ValueError, match="same sessions in every pass. Received: 41 .* then 17"):
        prepare(SPEC, source, tmp_path / "data", passes=BeamPasses())


def test_the_program_runs_on_beam(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = program_runner(program, monkeypatch, capfd)
    (tmp_path / "small.json").write_text(SPEC.to_json(), encoding="utf-8")
    flags = ["--source=parquet", f"--spec={tmp_path / 'small.json'}", f"--input={files}"]
    for name, more in (
        ("local", []),
        ("beam", ["--runner=beam", "--beam_option=no_save_main_session"]),
    ):
        code, out, err = run(*flags, f"--data={tmp_path / name}", *more)
        assert code == 0, err
        assert "31 sessions" in err and "sessions of spec small" in out
    _same(tmp_path / "local", tmp_path / "beam")


def test_an_option_that_beam_refuses_is_one_error() -> None:
    with pytest.raises(ValueError, match="ignored explicit argument 'maybe'"):
        BeamPasses(["--save_main_session=maybe"])


def _count(folder: Path) -> int:
    """How often it was called, kept where every copy of the caller sees it."""
    path = folder / "count.txt"
    count = int(path.read_text(encoding="utf-8")) + 1 if path.exists() else 1
    path.write_text(str(count), encoding="utf-8")
    return count
