"""Which run a checkpoint is of, in a file beside its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranking.training.differences import differences, flat_document

ORIGIN_FILE = "run.json"


def write_origin(checkpoint: Path, origin: Mapping[str, Any]) -> None:
    """Writes beside a checkpoint what the run is that it is of: model, settings, fingerprint."""
    text = json.dumps(dict(origin), indent=1)
    (checkpoint / ORIGIN_FILE).write_text(text, encoding="utf-8")


def check_origin(checkpoint: Path, origin: Mapping[str, Any]) -> None:
    """Checks that a checkpoint is of the run that `origin` describes.

    Weights of another run may have the same shapes, and mean something else. A checkpoint of a
    version that wrote no such file is taken for what the folder around it says; what its writer
    did not know is not compared.

    Raises:
        ValueError: If it is of another run, or the file is damaged.
    """
    path = checkpoint / ORIGIN_FILE
    if not path.exists():
        return
    remedy = (
        "Put the run's own checkpoint back; or remove this folder, which leaves the checkpoint "
        "before it where there is one."
    )
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"Checkpoint {checkpoint} is damaged: {path.name}: {error}. {remedy}"
        ) from error
    known = flat_document(found)
    different = [name for name in differences(found, origin) if name in known]
    if different:
        told = ", ".join(f"{name} ({_short(known[name])})" for name in different)
        raise ValueError(
            f"Checkpoint {checkpoint} must be of the run whose folder it is in. Received: one of "
            f"a run with another {told}. {remedy}"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:12]}..."
