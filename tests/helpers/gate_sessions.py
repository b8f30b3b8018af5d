"""Evaluations of a model with a gate, written and read back."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ranking.training.session_file import SessionFile, SessionFileWriter

DOCUMENT = {"model": "aw_moe", "data": "data/shop", "split": "test", "simulated": True}


def gate_sessions(path: Path, columns: dict[str, Any]) -> SessionFile:
    """Writes columns as a session file; a `gate` `[S, K]` becomes lists."""
    arrays = dict(columns)
    if "gate" in arrays:
        arrays["gate"] = pa.array(list(np.asarray(arrays["gate"], dtype=np.float32)))
    with SessionFileWriter(path, DOCUMENT) as writer:
        writer.write(arrays)
    return SessionFile(path)


def shop(path: Path, sessions: int = 120, experts: int = 5, *, repeats: bool = True) -> SessionFile:
    """Simulated gates: one for all new users, and old users with target away from those without.

    Args:
        path: The file.
        sessions: How many; every fifth is of a new user.
        experts: K.
        repeats: Whether some target items are among the behaviors; categories always are.
    """
    generator = np.random.default_rng(0)
    position = np.arange(sessions)
    history = np.where(position % 5 == 0, 0, 1 + position % 13)
    with_target = (position % 3 == 0) & (history > 0)
    gates = generator.normal(size=(sessions, experts)) + 9.0 * with_target[:, None]
    gates[history == 0] = -4.0
    return gate_sessions(
        path,
        {
            "history": history,
            "segment.history": np.array(["0", "1-3", "4-10", ">10"])[
                np.digitize(history, [1, 4, 11])
            ],
            "segment.scenario": np.array(["search", "recommendation"])[position % 2],
            "gate": gates,
            "target_item_in_history": with_target & repeats,
            "target_category_in_history": (position % 2 == 0) & (history > 0),
        },
    )


def png_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file, from its first bytes."""
    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is no PNG file. It begins with {head[:8]!r}")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
