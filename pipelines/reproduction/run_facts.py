"""What a report says about the runs themselves: settings, seeds, steps, time."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.reproduction.evaluated_run import EvaluatedRun
from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.number_words import duration
from pipelines.reproduction.page import Cell, Table
from pipelines.reproduction.run_record import read_record
from pipelines.reproduction.system import TRAIN
from ranking.training.metrics_file import read_metrics

_LEAST_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What is known of one run beside its metrics.

    Attributes:
        name: What messages call it.
        system: Its system.
        seed: Its seed.
        steps: Training steps, if it has such.
        seconds: How long training took, if that is known.
        versions: Versions of packages it was trained with.
    """

    name: str
    system: str
    seed: int
    steps: int | None
    seconds: float | None
    versions: Mapping[str, str]


def run_facts(run: EvaluatedRun) -> RunFacts:
    """Reads what a run's folder says about its training."""
    metrics_path, settings_path = run.folder / "metrics.json", run.folder / "settings.json"
    train = read_metrics(metrics_path).get("train", {}) if metrics_path.is_file() else {}
    settings = json.loads(settings_path.read_text("utf-8")) if settings_path.is_file() else {}
    return RunFacts(
        name=run.name,
        system=run.system,
        seed=run.seed,
        steps=train.get("steps"),
        seconds=_seconds(run, train, settings_path, metrics_path),
        versions=settings.get("versions", {}),
    )


def runs_table(systems: EvaluatedSystems, facts: Sequence[RunFacts], center: str) -> Table:
    """One row for each system: its unusual settings, seeds, steps, time.

    Args:
        systems: The runs.
        facts: What is known of each of them.
        center: The system whose settings are the usual ones.
    """
    usual = usual_settings(systems, center)
    rows: list[Sequence[Cell | str]] = []
    for system, runs in systems.runs.items():
        own = [each for each in facts if each.system == system]
        settings = next(iter(runs.values())).settings
        unusual = [name for name, value in settings.items() if usual.get(name, ...) != value]
        rows.append(
            [
                Cell(systems.definitions[system].title, (f"`{system}`",)),
                ", ".join(f"`{name}={typed(settings[name])}`" for name in unusual) or "–",
                ", ".join(str(each.seed) for each in own),
                _listed("–" if each.steps is None else f"{each.steps:,}" for each in own),
                _listed(duration(each.seconds) for each in own),
            ]
        )
    return Table(["System", "Settings of its own", "Seeds", "Steps", "Time"], rows, numbers_from=2)


def usual_settings(systems: EvaluatedSystems, center: str) -> dict[str, Any]:
    """Every setting of the catalog's models: as the center has it, else as the first model has."""
    models = [name for name in systems.runs if systems.definitions[name].program == TRAIN]
    usual: dict[str, Any] = {}
    for name in sorted(models, key=lambda name: name != center):
        usual = {**next(iter(systems.runs[name].values())).settings, **usual}
    return usual


def typed(value: Any) -> str:
    """A setting's value as one types it.

    Example:
        >>> typed([64, 32]), typed(None), typed(True), typed(0.05), typed("")
        ('64,32', 'none', 'true', '0.05', '""')
    """
    if isinstance(value, list | tuple):
        return ",".join(map(typed, value)) or "[]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def _listed(values: Iterable[str]) -> str:
    """The values of all seeds, or the one that they share."""
    words = list(values)
    return words[0] if len(set(words)) == 1 else ", ".join(words)


def _seconds(
    run: EvaluatedRun, train: Mapping[str, Any], settings: Path, metrics: Path
) -> float | None:
    """The time that was noted; else, of a run that was trained by hand, that of its files."""
    if "seconds" in train:
        return float(train["seconds"])
    record = read_record(run.folder.parent.parent / "logs" / f"{run.name}.log")
    if record is not None:
        return record.seconds
    if not (settings.is_file() and metrics.is_file()):
        return None
    # Settings are written at the start and metrics at the end; copies have both dates alike.
    passed = metrics.stat().st_mtime - settings.stat().st_mtime
    return passed if passed >= _LEAST_SECONDS else None
