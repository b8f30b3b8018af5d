"""Waiting until what was written is on the disk, where a power loss cannot take it.

A file system may carry out a rename before it has written what is in the file, so a file that
takes its final name when it is whole has to be flushed before, and its folder after.
"""

import contextlib
import os
from pathlib import Path


def flush_content(path: Path) -> None:
    """Waits until a file, or a folder with all that is in it, is on the disk."""
    if path.is_dir():
        for child in path.iterdir():
            flush_content(child)
        flush_names(path)
    else:
        _flush(path)


def flush_names(folder: Path) -> None:
    """Waits until the names of what is in a folder are on the disk."""
    # Some network file systems have no such request for folders.
    with contextlib.suppress(OSError):
        _flush(folder)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
