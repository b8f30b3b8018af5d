"""Folders appear where a name leads, through links too, and nothing stays beside them."""

import os
from pathlib import Path

import pytest

from ranking.features.whole_folder import check_free, whole_folder


def _make(folder: Path, content: str, *, overwrite: bool = False) -> None:
    check_free(folder, overwrite=overwrite, mark="mark")
    with whole_folder(folder, overwrite=overwrite, mark="mark") as temporary:
        (temporary / "mark").write_text(content, encoding="utf-8")


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """A link `here/link` to the folder `there/folder`, which is not made yet."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    link = tmp_path / "here" / "link"
    link.symlink_to(Path("..") / "there" / "folder")
    return link


def _check(link: Path, content: str) -> None:
    assert link.is_symlink() and os.listdir(link.parent) == ["link"]
    there = link.parent.parent / "there"
    assert os.listdir(there) == ["folder"] and not (there / "folder").is_symlink()
    assert (there / "folder" / "mark").read_text(encoding="utf-8") == content


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_is_made_where_a_link_leads(link: Path, is_there: bool) -> None:
    if is_there:
        (link.parent.parent / "there" / "folder").mkdir()
    _make(link, "first")
    _check(link, "first")


def test_a_folder_is_replaced_where_a_link_leads(link: Path) -> None:
    _make(link, "first")
    with pytest.raises(FileExistsError, match="exists. Name another folder"):
        _make(link, "second")
    _make(link, "second", overwrite=True)
    _check(link, "second")


def test_a_link_to_a_file_is_refused(link: Path) -> None:
    file = link.parent.parent / "there" / "folder"
    file.write_text("dear", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is a file"):
        _make(link, "first", overwrite=True)
    assert file.read_text(encoding="utf-8") == "dear"
