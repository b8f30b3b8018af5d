"""Folders that appear under their name only when they are whole."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_folder(folder: Path, *, overwrite: bool, mark: str) -> Iterator[Path]:
    """Gives a temporary folder beside `folder` that takes its name at the end of the block.

    If the block fails, the temporary folder is removed and `folder` is as it was; if the process is
    killed, a folder `.<name>.unfinished-<process id>` may stay behind. A symbolic link
    stays: what it leads to is made or replaced, and everything temporary is beside that.

    Args:
        folder: The folder to make. An empty one may be there.
        overwrite: Whether a folder that holds the file `mark` is replaced.
        mark: File by which folders of this kind are known, so that no other folder is replaced.

    Raises:
        FileExistsError: If `folder` is there and may not be replaced.
    """
    folder = Path(os.path.realpath(folder))  # A link cannot be replaced by a folder.
    check_free(folder, overwrite=overwrite, mark=mark)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.unfinished-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)  # Left by a killed process of the same number.
    temporary.mkdir()
    try:
        yield temporary
        check_free(folder, overwrite=overwrite, mark=mark)
        _publish(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_free(folder: Path, *, overwrite: bool, mark: str) -> None:
    """Checks that `whole_folder` may make `folder`; a program calls it before it starts to work.

    Raises:
        FileExistsError: If `folder` is there and may not be replaced.
        OSError: If no folder can be made where `folder` should be.
    """
    real = Path(os.path.realpath(folder))
    _check_parent(real)
    if not os.path.lexists(real):
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file. Name another folder.")
    if not any(folder.iterdir()) or (overwrite and (folder / mark).is_file()):
        return
    if overwrite:
        raise FileExistsError(
            f"{folder} is not overwritten: it has no {mark}, so it may be something else. "
            "Remove it yourself, or name another folder."
        )
    raise FileExistsError(f"{folder} exists. Name another folder, or overwrite it (--overwrite).")


def _check_parent(folder: Path) -> None:
    parent = next(parent for parent in folder.parents if os.path.lexists(parent))
    if not parent.is_dir():
        raise NotADirectoryError(
            f"{folder} cannot be made: {parent} is a file. Name another folder."
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{folder} cannot be made: {parent} may not be written to. Name another folder, or "
            "change its permissions."
        )


def _publish(temporary: Path, folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        temporary.replace(folder)
        return
    # A folder that holds something cannot be replaced in one step, so it steps aside first.
    old = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
    folder.rename(old)
    try:
        temporary.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)
