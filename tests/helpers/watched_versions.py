"""What a server would find in a folder of versions, moment by moment."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

Snapshot = dict[str, dict[str, int]]  # Version -> file -> bytes.
_SECONDS = 0.002


@contextlib.contextmanager
def watched_versions(base: Path) -> Iterator[list[Snapshot]]:
    """Looks at `base` hundreds of times a second during the block -> all it saw, in order.

    What is on the disk at a moment is what a process leaves that is killed at that moment.
    """
    snapshots: list[Snapshot] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(_SECONDS):
            snapshots.append(versions_found(base))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield snapshots
    finally:
        done.set()
        thread.join()
        snapshots.append(versions_found(base))


def versions_found(base: Path) -> Snapshot:
    """The files of every folder whose name a server takes for a version."""
    if not base.is_dir():
        return {}
    return {
        version.name: {
            str(path.relative_to(version)): path.stat().st_size
            for path in sorted(version.rglob("*"))
            if path.is_file()
        }
        for version in base.iterdir()
        if version.name.isdecimal()
    }
