"""A process killed at any moment leaves no version that is half there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ranking.export.versions import publish, unpublished_folder
from tests.helpers.exported_model import ExportedModel
from tests.helpers.watched_versions import Snapshot, versions_found

MOMENTS = 20
ROOT = Path(__file__).parents[2]

# Writes a version in halves of files, publishes it and removes older ones, as an export does; at a
# given event of the file system it kills itself. It ends with the number of events.
EXPORT = """
import os, pathlib, signal, sys
from ranking.export.versions import publish, remove_old_versions, unpublished_folder

base, source, moment = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
seen = 0

def count(event, arguments):
    global seen
    if event in ("half", "open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

sys.addaudithook(count)
with unpublished_folder(base) as folder:
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            (folder / path.relative_to(source)).mkdir()
            continue
        content = path.read_bytes()
        with (folder / path.relative_to(source)).open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            sys.audit("half")
            file.write(content[len(content) // 2 :])
    publish(folder)
remove_old_versions(base, keep=2)
print(seen)
"""


def _write_version(folder: Path) -> None:
    files = (
        "saved_model.pb",
        "variables/variables.index",
        "assets/item.txt",
        "assets.extra/x.json",
    )
    for number, name in enumerate(files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(range(7 + number)))


def _export(base: Path, source: Path, moment: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", EXPORT, str(base), str(source), str(moment)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _with_three_versions(base: Path) -> Path:
    for number in (1, 2, 3):
        _write_version(base / str(number))
    return base


def test_a_process_killed_at_any_moment_leaves_whole_versions(tmp_path: Path) -> None:
    source = tmp_path / "source"
    _write_version(source)
    whole = versions_found(_with_three_versions(tmp_path / "first"))["1"]
    finished = _export(tmp_path / "first", source, -1)
    assert finished.returncode == 0, finished.stderr
    assert sorted(versions_found(tmp_path / "first")) == ["3", "4"]
    events = int(finished.stdout)
    assert events > MOMENTS
    left_behind = set()
    for moment in np.linspace(0, events - 1, MOMENTS).astype(int):
        base = _with_three_versions(tmp_path / f"killed-{moment}")
        assert _export(base, source, moment).returncode == -signal.SIGKILL
        found = versions_found(base)
        assert {"3"} <= set(found) <= {"1", "2", "3", "4"}
        assert all(files == whole for files in found.values()), (moment, found)
        left_behind.add(tuple(sorted(found)))
        with unpublished_folder(base) as folder:
            _write_version(folder)
            publish(folder)
        assert all(name.isdecimal() for name in os.listdir(base)), os.listdir(base)
    # The moments lie before the publishing and after it, and between the removals.
    assert len(left_behind) > 2


@pytest.mark.slow
def test_no_moment_of_an_export_shows_a_half_written_version(
    watched_export: tuple[ExportedModel, list[Snapshot]],
) -> None:
    exported, snapshots = watched_export
    whole = versions_found(exported.export.folder.parent)
    assert list(whole) == ["1"] and len(whole["1"]) > 10
    before = [snapshot for snapshot in snapshots if snapshot == {}]
    assert len(before) > MOMENTS
    assert all(snapshot in ({}, whole) for snapshot in snapshots)
