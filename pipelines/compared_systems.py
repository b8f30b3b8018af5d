"""Runs as systems: equal model, settings and data of training, other seeds."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.compared_runs import ComparedRun

_UNSET = "unset"


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedSystem:
    """A system.

    Attributes:
        label: Its model, and those settings that tell it from the other systems of that model.
        runs: Its seeds, in their order.
    """

    label: str
    runs: Sequence[ComparedRun]

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.runs[0].document["model"])


def group_systems(runs: Sequence[ComparedRun]) -> list[ComparedSystem]:
    """Groups runs into systems, in the order of their first runs.

    A seed that comes a second time starts a second system of the same settings: a run compared
    with itself, or with its repetition.

    Raises:
        ValueError: If there are not two systems.
    """
    groups: dict[tuple[str, int], list[ComparedRun]] = {}
    seen: dict[tuple[str, str], int] = {}
    for run in runs:
        settings = _identity(run)
        turn = seen.setdefault((settings, str(run.document["seed"])), 0)
        seen[settings, str(run.document["seed"])] += 1
        groups.setdefault((settings, turn), []).append(run)
    if len(groups) < 2:
        raise ValueError(
            "A comparison needs at least two systems: runs with another model, settings or data, "
            f"or one run twice. Received: {len(runs)} seeds of {runs[0].document['model']}, of one "
            "system. Give the runs of another one with --runs."
        )
    ordered = [sorted(group, key=lambda run: run.document["seed"]) for group in groups.values()]
    labels = _labels([group[0].document for group in ordered])
    names = [_numbered(labels, index, group) for index, group in enumerate(ordered)]
    return [ComparedSystem(name, group) for name, group in zip(names, ordered, strict=True)]


def find_system(systems: Sequence[ComparedSystem], name: str) -> ComparedSystem:
    """Maps the folder or file of a run, a label or a model's name to its system.

    Raises:
        ValueError: If no system is called so, or several are.
    """
    readings = (
        [s for s in systems if any(run.folder.resolve() == Path(name).resolve() for run in s.runs)],
        [system for system in systems if system.label == name],
        [system for system in systems if system.model == name],
    )
    found = next((reading for reading in readings if reading), [])
    # A run that is compared with itself is in both of its systems.
    if found and (len(found) == 1 or found is readings[0]):
        return found[0]
    raise ValueError(
        "`--base` must name one system, by a run's folder or a label. Received: "
        f"{name!r}. Labels: {'; '.join(system.label for system in systems)}"
    )


def other_training(systems: Sequence[ComparedSystem]) -> list[str]:
    """In what of their training systems differ, as `name: value, value`."""
    documents = [system.runs[0].document for system in systems]
    settings = [{**each["training_settings"], **_training(each)} for each in documents]
    return [
        f"{name}: {', '.join(dict.fromkeys(_text(each.get(name, _UNSET)) for each in settings))}"
        for name in _differing(settings)
    ]


def _identity(run: ComparedRun) -> str:
    keys = ("model", "model_settings", "training_settings")
    parts = [*(run.document[key] for key in keys), "warm_start" in run.document]
    parts += _training(run.document).values()
    return json.dumps(parts, sort_keys=True)


def _labels(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """The model and what tells it from others of that model."""
    labels = []
    for document in documents:
        peers = [_settings(each) for each in documents if each["model"] == document["model"]]
        own = _settings(document)
        told = [f"{name}={_text(own.get(name, _UNSET))}" for name in _differing(peers)]
        labels.append(" ".join([document["model"], *told]))
    return labels


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    # Seeds of one system may each start from a run of their own seed.
    start = {"warm_start": "warm_start" in document}
    settings = {**document["model_settings"], **document["training_settings"]}
    return {**settings, **start, **_training(document)}


def _training(document: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a training another one beside its settings: its data, and where it was stopped."""
    manifest = document.get("trained_manifest_sha256")
    return {
        "trained_on": None if manifest is None else manifest[:12],
        "max_steps": document.get("max_steps"),
    }


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names whose values are not the same everywhere."""
    names = dict.fromkeys(name for each in settings for name in each)
    return [name for name in names if len({_text(each.get(name, _UNSET)) for each in settings}) > 1]


def _numbered(labels: Sequence[str], index: int, runs: Sequence[ComparedRun]) -> str:
    """A label that no system before has."""
    turn = labels[: index + 1].count(labels[index])
    return labels[index] if turn == 1 else f"{labels[index]} ({turn}: {runs[0].folder.name})"


def _text(value: Any) -> str:
    """As `--set` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)
