"""metrics.json: the numbers of a run."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranking.features.flush import flush_content, flush_names


def write_metrics(path: Path | str, metrics: Mapping[str, Any]) -> None:
    """Writes nested metrics as JSON with sorted keys; what is not a finite number becomes null.

    The file appears whole or not at all, and replaces an older one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_plain(metrics), indent=2, sort_keys=True, allow_nan=False) + "\n"
    partial = path.with_name(f".partial-{path.name}")
    partial.write_text(text, encoding="utf-8")
    flush_content(partial)
    os.replace(partial, path)
    flush_names(path.parent)


def read_metrics(path: Path | str) -> dict[str, Any]:
    """Reads what `write_metrics` wrote; null becomes NaN again.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a JSON object.
    """
    path = Path(path)
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"`{path}` must hold JSON. Line {error.lineno} does not: {error.msg}. "
            "Evaluate the run again to replace the file."
        ) from error
    if not isinstance(metrics, dict):
        raise ValueError(f"`{path}` must hold a JSON object. Received: {type(metrics).__name__}")
    return {name: _with_nan(value) for name, value in metrics.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nan(item) for item in value]
    return math.nan if value is None else value
