"""Flushing: everything below a folder, before its name."""

import os
from pathlib import Path

import pytest

from ranking.features.flush import flush_content, flush_names


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is flushed, in order."""
    names: list[str] = []

    def fsync(descriptor: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    monkeypatch.setattr("ranking.features.flush.os.fsync", fsync)
    return names


def test_a_folder_is_flushed_after_what_is_in_it(tmp_path: Path, flushed: list[str]) -> None:
    folder = tmp_path / "run"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "deep.txt").write_text("a", encoding="utf-8")
    (folder / "flat.txt").write_text("b", encoding="utf-8")
    flush_content(folder)
    assert sorted(flushed) == ["deep.txt", "flat.txt", "inner", "run"]
    assert flushed.index("deep.txt") < flushed.index("inner") and flushed[-1] == "run"


def test_names_are_flushed_without_content(tmp_path: Path, flushed: list[str]) -> None:
    (tmp_path / "file.txt").write_text("a", encoding="utf-8")
    flush_names(tmp_path)
    flush_content(tmp_path / "file.txt")
    assert flushed == [tmp_path.name, "file.txt"]


def test_a_file_that_cannot_be_flushed_is_an_error_and_a_folder_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("ranking.features.flush.os.fsync", fsync)
    (tmp_path / "file.txt").write_text("a", encoding="utf-8")
    flush_names(tmp_path)
    with pytest.raises(OSError, match="Invalid argument"):
        flush_content(tmp_path / "file.txt")


def test_what_is_not_there_cannot_be_flushed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush_content(tmp_path / "nothing")
