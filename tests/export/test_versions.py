"""Numbered folders: counted up, whole or absent, cleaned up after the killed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ranking.export.versions import (
    publish,
    published_versions,
    remove_old_versions,
    unpublished_folder,
)


def _publish(base: Path, content: str) -> Path:
    with unpublished_folder(base) as folder:
        (folder / "content").write_text(content)
        return publish(folder)


def _names(base: Path) -> list[str]:
    return sorted(path.name for path in base.iterdir())


def _of_process(number: int | str, host: str | None = None) -> str:
    return f".partial-{host or socket.gethostname()}-{number}"


def test_versions_count_up(tmp_path: Path) -> None:
    base = tmp_path / "deep" / "export"
    for number in (1, 2, 3):
        version = _publish(base, f"content {number}")
        assert version == base / str(number)
        assert (version / "content").read_text() == f"content {number}"
    assert _names(base) == ["1", "2", "3"]


def test_the_next_version_is_above_the_highest_number(tmp_path: Path) -> None:
    for name in ("9", "10", "notes", "12b", ".partial-13"):
        (tmp_path / name).mkdir()
    assert _publish(tmp_path, "x").name == "11"


def test_the_newest_versions_are_kept(tmp_path: Path) -> None:
    for name in ("2", "10", "9", "notes", ".partial-elsewhere-7"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name)
    assert [path.name for path in published_versions(tmp_path)] == ["2", "9", "10"]
    assert remove_old_versions(tmp_path, 5) == []
    assert remove_old_versions(tmp_path, 2) == [2]
    assert remove_old_versions(tmp_path, 1) == [9]
    assert _names(tmp_path) == [".partial-elsewhere-7", "10", "notes"]
    with pytest.raises(ValueError, match="`keep` must be 1 or more. Received: keep=0"):
        remove_old_versions(tmp_path, 0)


def test_a_version_taken_meanwhile_is_stepped_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def taken_first(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        target.mkdir()
        (target / "content").write_text("of another export")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", taken_first)
    assert _publish(tmp_path, "mine").name == "2"
    assert (tmp_path / "1" / "content").read_text() == "of another export"


def test_a_failed_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), unpublished_folder(tmp_path) as folder:
        (folder / "content").write_text("half")
        raise RuntimeError
    assert _names(tmp_path) == []


def test_what_cannot_be_renamed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(str(target))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        _publish(tmp_path, "x")
    assert _names(tmp_path) == []


def test_a_killed_process_leaves_what_no_server_picks_up_and_the_next_removes_it(
    tmp_path: Path,
) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from ranking.export.versions import unpublished_folder\n"
        "with unpublished_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'content').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = _names(tmp_path)
    assert left.startswith(".partial-")
    assert _publish(tmp_path, "whole").name == "1"
    assert _names(tmp_path) == ["1"]


def test_folders_of_the_living_and_of_other_machines_stay(tmp_path: Path) -> None:
    names = [
        _of_process(os.getppid()),
        _of_process(1),  # May belong to another user.
        _of_process(2**22 + 1, host="elsewhere"),
        _of_process("mine"),
    ]
    gone = [_of_process(2**22 + 1), _of_process(2**80), _of_process(os.getpid())]
    gone.append(_of_process(f"{2**22 + 1}-3"))  # It was removing version 3.
    names += ["13-2", _of_process("13-mine")]
    for name in [*names, *gone]:
        (tmp_path / name).mkdir()
    _publish(tmp_path, "x")
    assert _names(tmp_path) == sorted([*names, "1"])


def test_a_file_is_no_place_for_versions(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text("")
    with pytest.raises(NotADirectoryError, match="must be a folder for the versions of a model"):
        _publish(path, "x")
