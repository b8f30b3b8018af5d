"""What a file of an evaluation's sessions says about itself, and where it lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ranking.features.prepared_data import MANIFEST_FILE, PreparedData, file_sha256

_OF_THE_RUN = ("model", "model_settings", "training_settings", "seed")
_IF_KNOWN = {
    "manifest_sha256": "trained_manifest_sha256",
    "finished": "finished",
    "max_steps": "max_steps",
}


def session_document(run: Mapping[str, Any], data: PreparedData, split: str) -> dict[str, Any]:
    """The document for `SessionFileWriter`: which run was evaluated, on which data.

    Args:
        run: What `settings.json` of the run holds, `finished` and `max_steps`
            (`trained_document`).
        data: The data that are evaluated, whatever the run was trained on.
        split: Name of the split.

    Returns:
        `model`, `model_settings`, `training_settings`, `seed`, `data`, `manifest_sha256`, `split`
        and `simulated`; `warm_start` of a run that had one. As far as the run says it,
        `trained_manifest_sha256`, of the data it was trained on, `finished` and `max_steps`.
    """
    warm_start = run.get("warm_start")
    return {
        **{name: run[name] for name in _OF_THE_RUN},
        **({} if warm_start is None else {"warm_start": warm_start}),
        **{name: run[key] for key, name in _IF_KNOWN.items() if key in run},
        "data": str(data.folder),
        "manifest_sha256": file_sha256(data.folder / MANIFEST_FILE),
        "split": split,
        "simulated": data.manifest.simulated,
    }


def sessions_path(folder: Path, split: str, data: Path | None = None) -> Path:
    """Where the sessions of a split lie in a run's folder.

    `data` is the folder of the data where they are not those that training ended on.

    Example:
    >>> sessions_path(Path("runs/din"), "test").name
    'sessions-test.parquet'
    >>> sessions_path(Path("runs/din"), "test", Path("data/demo")).name
    'sessions-demo-test.parquet'
    """
    parts = ("sessions", *([] if data is None else [data.resolve().name]), split)
    return folder / f"{'-'.join(parts)}.parquet"
