"""Numbered folders of SavedModels, of which a server takes the highest."""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from ranking.features.flush import flush_content, flush_names


@contextlib.contextmanager
def unpublished_folder(base: Path) -> Iterator[Path]:
    """Gives a new folder in `base` under a name that no server picks up, and removes it at the end
    of the block unless it was published.

    If the process is killed, the folder stays behind; the next call removes those of processes of
    this machine that are gone.

    Raises:
        NotADirectoryError: If `base` is a file.
    """
    if base.exists() and not base.is_dir():
        raise NotADirectoryError(
            f"{base} must be a folder for the versions of a model, and is a file. Name another."
        )
    base.mkdir(parents=True, exist_ok=True)
    _remove_stale(base)
    folder = base / f"{_prefix()}{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path) -> Path:
    """Gives a folder that is whole the name that servers look for: the next version.

    Returns:
        The folder under its new name, a number above all others beside it.
    """
    flush_content(folder)
    while True:
        version = folder.parent / str(_next_version(folder.parent))
        try:
            # Several exports may end at once; a folder with content is never replaced.
            published = folder.rename(version)
            flush_names(folder.parent)
            return published
        except OSError:
            if not version.exists():
                raise


def published_versions(base: Path) -> list[Path]:
    """Folder of versions -> theirs, the oldest first; other names are left out."""
    versions = [path for path in base.iterdir() if path.name.isdecimal()]
    return sorted(versions, key=lambda path: int(path.name))


def remove_old_versions(base: Path, keep: int) -> list[int]:
    """Removes all but the newest `keep` versions -> the numbers of those removed.

    A version loses its number before its files, so no server sees half of one.

    Raises:
        ValueError: If `keep` is less than 1.
        OSError: If a version cannot be removed.
    """
    if keep < 1:
        raise ValueError(f"`keep` must be 1 or more. Received: keep={keep}")
    old = published_versions(base)[:-keep]
    for version in old:
        # If the process is killed here, the next export removes the rest.
        shutil.rmtree(version.rename(base / f"{_prefix()}{os.getpid()}-{version.name}"))
    return [int(version.name) for version in old]


def _next_version(base: Path) -> int:
    versions = published_versions(base)
    return int(versions[-1].name) + 1 if versions else 1


def _prefix() -> str:
    # Other machines may export to the same disk; their process numbers mean nothing here.
    return f".partial-{socket.gethostname()}-"


def _remove_stale(base: Path) -> None:
    for path in base.iterdir():
        # The number of a process, and that of a version that it was removing.
        numbers = path.name.removeprefix(_prefix()).split("-")
        is_ours = path.name.startswith(_prefix()) and all(map(str.isdecimal, numbers))
        if is_ours and not _is_running(int(numbers[0])):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    """Whether another process of this number is running."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
