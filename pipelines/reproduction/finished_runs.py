"""Whether runs that are there already are those that are asked for."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.run_files import sessions_file
from pipelines.reproduction.run_record import read_record
from pipelines.reproduction.system_settings import asked_settings
from ranking.features.prepared_data import MANIFEST_FILE, file_sha256
from ranking.training.run_folder import METRICS_FILE, SETTINGS_FILE
from ranking.training.session_file import read_document

_PARTS = ("model_settings", "training_settings")
_ONCE = {"batch_by_size": True}
"""What was so before there was a setting for it, and is not by default now."""


def check_finished(runs: Iterable[PlannedRun]) -> None:
    """Checks that every finished one of `runs` was trained with what is asked of it.

    Raises:
        ValueError: If one was not: says which, the settings and what to do.
    """
    manifests: dict[Path, str | None] = {}
    for run in runs:
        if run.is_finished:
            if run.data not in manifests:
                manifest = run.data / MANIFEST_FILE
                manifests[run.data] = file_sha256(manifest) if manifest.is_file() else None
            found = _read(run.folder / SETTINGS_FILE, "settings")
            _check(run, found, manifests[run.data])


def _check(run: PlannedRun, found: Mapping[str, Any], manifest: str | None) -> None:
    differences = [
        f"{name} is {_typed(found_value)}, asked is {_typed(asked)}"
        for name, found_value, asked in (*_facts(run, found, manifest), *_settings(run, found))
        if found_value != asked
    ]
    if differences:
        raise ValueError(
            f"{run.folder} holds a run with other settings: {'; '.join(differences)}. Ask for what "
            "it was trained with (--set, --data), remove the folder to train it again, or name "
            "another --out."
        )


def _facts(
    run: PlannedRun, found: Mapping[str, Any], manifest: str | None
) -> list[tuple[str, Any, Any]]:
    """What is no setting: name, what the run has, what is asked."""
    facts = [
        ("model", found.get("model"), run.system.model),
        ("seed", found.get("seed"), run.seed),
        ("warm_start", found.get("warm_start"), None),
    ]
    return facts + _data(run, found, manifest) + _limit(run)


def _data(
    run: PlannedRun, found: Mapping[str, Any], manifest: str | None
) -> list[tuple[str, Any, Any]]:
    """The data of training and of the test sessions, as far as the run says them.

    They are told by their manifest; where that is not known, by the name of their folder.
    """
    sessions = sessions_file(run.folder, run.data.resolve().name)
    facts = []
    for what, told in {
        "data": found,
        "data of the test sessions": {} if sessions is None else read_document(sessions),
    }.items():
        if manifest is not None and "manifest_sha256" in told:
            facts.append((f"{what} (manifest.json)", told["manifest_sha256"][:12], manifest[:12]))
        elif "data" in told:
            facts.append((what, Path(told["data"]).name, run.data.resolve().name))
    return facts


def _limit(run: PlannedRun) -> list[tuple[str, Any, Any]]:
    """Where training was to stop, as far as that is known."""
    train = _read(run.folder / METRICS_FILE, "metrics").get("train", {})
    if "max_steps" in train:
        return [("max_steps", train["max_steps"], run.max_steps)]
    record = read_record(run.log)  # Of a run of an older version only the record says it.
    return [] if record is None else [("max_steps", record.max_steps, run.max_steps)]


def _settings(run: PlannedRun, found: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Every setting: name, what the run has, what is asked."""
    known = _flat(found)
    asked = asked_settings(run.system, dict(run.overrides), run.preset)
    # What an older run does not know it had as it is by default, unless it was otherwise then.
    older = {**_flat(asked_settings(run.system, {}, "paper")), **_ONCE}
    return [(name, known.get(name, older[name]), value) for name, value in _flat(asked).items()]


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for part in _PARTS for name, value in settings.get(part, {}).items()}


def _typed(value: Any) -> str:
    return "none" if value is None else str(value)


def _read(path: Path, what: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path} must hold the {what} of a finished run: {error}. Remove the folder to train "
            "it again."
        ) from error
