"""The evaluations of a folder of runs, read and checked against each other."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.reproduction.evaluated_run import EvaluatedRun, session_metrics
from pipelines.reproduction.evaluated_sessions import TestSessions
from pipelines.reproduction.run_files import finished_folders, sessions_file
from pipelines.reproduction.system import System
from pipelines.reproduction.system_settings import defining_settings
from ranking.training.session_file import SessionFile


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedSystems:
    """The runs of a reproduction that can be reported on.

    Attributes:
        sessions: What they were tested on.
        runs: System -> seed -> run, in the order of `definitions` and of seeds.
        unevaluated: Folders of finished runs without the file of their sessions.
        definitions: The systems that there may be, by name.
    """

    sessions: TestSessions
    runs: Mapping[str, Mapping[int, EvaluatedRun]]
    unevaluated: tuple[Path, ...]
    definitions: Mapping[str, System]

    @property
    def all_runs(self) -> list[EvaluatedRun]:
        """The runs of all systems."""
        return [run for runs in self.runs.values() for run in runs.values()]

    @property
    def simulated(self) -> bool:
        """Whether the sessions are simulated."""
        return any(run.document["simulated"] for run in self.all_runs)


def read_evaluated(
    folder: Path, data_name: str, definitions: Mapping[str, System]
) -> EvaluatedSystems:
    """Reads the runs in `folder` that are named `<system>-seed<k>` and were evaluated.

    Args:
        folder: Holds the runs' folders.
        data_name: Name of the data: `pipelines.evaluate` writes it into the names of its files.
        definitions: The systems that are looked for, by name.

    Raises:
        ValueError: If there is none, or two that cannot be compared: other sessions, other data, or
            other settings with the same system.
    """
    files, unevaluated = _find(folder, data_name, definitions)
    if not files:
        raise ValueError(
            f"{folder} must hold evaluated runs, named <system>-seed<k>, for a report. Received: "
            f"{len(unevaluated)} without the file of their sessions, and no other. Train them "
            "(leave out --report_only), or evaluate them with `python -m pipelines.evaluate`."
        )
    sessions: TestSessions | None = None
    runs: dict[str, dict[int, EvaluatedRun]] = {}
    for (system, seed), path in files.items():
        file = SessionFile(path)
        sessions = sessions or TestSessions.of(file)
        rows = sessions.rows_of(file)
        metrics = session_metrics(file, sessions.task, rows)
        run = EvaluatedRun(system, seed, path, file.document, metrics, rows)
        _check_definition(run, definitions[system])
        _check_same(run, next(iter(runs.get(system, {}).values()), None))
        runs.setdefault(system, {})[seed] = run
    if sessions is None:
        raise ValueError(f"{folder} holds no run.")
    return EvaluatedSystems(sessions, runs, tuple(unevaluated), definitions)


def _find(
    folder: Path, data_name: str, definitions: Mapping[str, System]
) -> tuple[dict[tuple[str, int], Path], list[Path]]:
    """The file of each run's sessions by system and seed, and the runs without one."""
    found, unevaluated = {}, []
    order = list(definitions)
    for key, run in finished_folders(folder, definitions).items():
        path = sessions_file(run, data_name)
        if path is None:
            unevaluated.append(run)
        else:
            found[key] = path
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1]))
    return {key: found[key] for key in keys}, unevaluated


def _check_definition(run: EvaluatedRun, system: System) -> None:
    """Checks that a folder's name says the truth about what is in it."""
    asked: dict[str, Any] = {**defining_settings(system), "seed": run.seed}
    asked["model"] = system.model
    found = {**run.settings, "seed": run.document["seed"], "model": run.document["model"]}
    for name, value in asked.items():
        if found.get(name) != value:
            raise ValueError(
                f"{run.folder} must hold a run of the system `{run.system}`, which has "
                f"{name}={value}. Received: {name}={found.get(name)}. Rename the folder, or remove "
                "it and train the system."
            )


def _check_same(run: EvaluatedRun, first: EvaluatedRun | None) -> None:
    """Checks that a run differs from the first of its system in the seed alone."""
    if first is None or run.settings == first.settings:
        return
    different = sorted(
        name
        for name in run.settings.keys() | first.settings.keys()
        if run.settings.get(name) != first.settings.get(name)
    )
    raise ValueError(
        f"{run.folder} and {first.folder} must have the same settings, as seeds of one system. "
        f"Different: {', '.join(different)}. Remove one of them and train it again."
    )
