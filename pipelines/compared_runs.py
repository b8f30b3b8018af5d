"""The evaluations of several runs, brought to the same sessions in the same order."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.training.session_file import SessionFile

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_KEYS = ("model", "model_settings", "training_settings", "seed", "data", "split", "simulated")


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedRun:
    """One run's metrics.

    Attributes:
        folder: The run's folder; the file of its sessions where that is not called as in one.
        document: What the file of its sessions says it is of; what an older one does not say is
            assumed.
        metrics: `<task>.<metric>` -> value of each session `[S]`, NaN where a session has none.
    """

    folder: Path
    document: Mapping[str, Any]
    metrics: Mapping[str, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedRuns:
    """Runs evaluated on the same sessions: of the same ids, labels and numbers of candidates.

    Attributes:
        runs: In the order given.
        sessions: The first run's file: users and segments are read from it.
        tasks: What all runs predicted and is compared.
        other_segments: Dimensions by which another run's file puts some session elsewhere.
    """

    runs: Sequence[ComparedRun]
    sessions: SessionFile
    tasks: Sequence[str]
    other_segments: Sequence[str]

    @property
    def simulated(self) -> bool:
        """Whether the sessions are simulated."""
        return any(run.document["simulated"] for run in self.runs)

    @property
    def manifests(self) -> dict[str, ComparedRun]:
        """The manifests of the data that runs were evaluated on -> the first run of each.

        Files do not hold which candidates were ranked, so several manifests may mean others.
        """
        manifests: dict[str, ComparedRun] = {}
        for run in self.runs:
            if "manifest_sha256" in run.document:
                manifests.setdefault(run.document["manifest_sha256"], run)
        return manifests


def read_runs(paths: Sequence[Path], metrics: Sequence[str], task: str | None) -> ComparedRuns:
    """Reads the session files of runs; rows are put into the order of the first.

    Args:
        paths: The file of each run's sessions, such as `<run>/sessions-<split>.parquet`.
        metrics: Names of the metrics to read.
        task: The task to compare; by default every one.

    Raises:
        ValueError: If a file is missing or none of an evaluation, is of an unfinished run, lacks a
            task or metric, or is of other sessions, another split or other labels than the first.
    """
    first = _open(paths[0])
    tasks = first.tasks if task is None else (task,)
    runs, other_segments = [], set()
    for path in paths:
        file = first if path == paths[0] else _open(path)
        _check_tasks(file, tasks)
        rows = _rows(file, first, tasks)
        names = [f"{each}.{metric}" for each in tasks for metric in metrics]
        values = {name: file.column(name).astype(np.float64)[rows] for name in names}
        document = {**_assumed(first), **file.document}
        runs.append(ComparedRun(_folder(path), document, values))
        other_segments |= {name for name in first.dimensions if _differ(name, file, first, rows)}
    return ComparedRuns(runs, first, tasks, sorted(other_segments))


def _folder(path: Path) -> Path:
    # What evaluations with --out leave has other names, and one folder may hold several of them.
    return path.parent if path.name.startswith("sessions-") else path


def _open(path: Path) -> SessionFile:
    if not path.is_file():
        raise ValueError(
            f"{path} must be there to compare its run. Training writes it at its end; evaluations "
            "(`python -m pipelines.evaluate`) say where they write theirs."
        )
    file = SessionFile(path)
    missing = [key for key in _KEYS if key not in file.document]
    if missing:
        raise ValueError(
            f"{path} must say what it is of. Missing: {', '.join(missing)}. Evaluate the run again."
        )
    if not file.document.get("finished", True):
        raise ValueError(
            f"{path} must be of a finished run: one that was cut off is no seed of its system. "
            "Received: one evaluated before its training ended. Train the run to its end, then "
            "evaluate it again."
        )
    return file


def _assumed(first: SessionFile) -> dict[str, Any]:
    """What files of older versions do not say: they count as of whole runs on the data evaluated.

    Those data are the first file's for all of them: evaluations of one version stay as alike as
    they were, whatever data their sessions were read from.
    """
    return {"trained_manifest_sha256": first.document.get("manifest_sha256"), "max_steps": None}


def _check_tasks(file: SessionFile, tasks: Sequence[str]) -> None:
    missing = [task for task in tasks if task not in file.tasks]
    if missing:
        raise ValueError(
            f"{file.path} has no task `{missing[0]}`. It has: {', '.join(file.tasks)}. Choose one "
            "that all runs have with --task."
        )


def _rows(file: SessionFile, first: SessionFile, tasks: Sequence[str]) -> Rows:
    """The row of each session of the first file in another one, `[S]`."""
    received = _difference(file, first)
    if received is None:
        rows = _order(file, first)
        if all(_same_labels(file, first, rows, task) for task in tasks):
            return rows
        received = "other labels or candidates for some of the sessions"
    raise ValueError(
        f"{file.path} must be of the same sessions as {first.path}. Received: {received}. Evaluate "
        "both on the same split of the same data (`python -m pipelines.evaluate --data=...`)."
    )


def _difference(file: SessionFile, first: SessionFile) -> str | None:
    """What makes the sessions of two files others, or `None`."""
    if file.document["split"] != first.document["split"]:
        return f"split {file.document['split']} and split {first.document['split']}"
    if len(file) != len(first):
        return f"{len(file):,} and {len(first):,} sessions"
    ids, first_ids = _unique_ids(file), _unique_ids(first)
    if ids is not None and first_ids is not None:
        strange = np.setdiff1d(ids, first_ids).tolist()
        return f"{len(strange):,} other session ids, such as {strange[0]!r}" if strange else None
    # Without ids only the order tells which session is which, and it is that of the records.
    manifests = (file.document.get("manifest_sha256"), first.document.get("manifest_sha256"))
    if manifests[0] != manifests[1]:
        return "no ids that tell sessions apart, and data with another manifest"
    return None


def _order(file: SessionFile, first: SessionFile) -> Rows:
    ids, first_ids = _unique_ids(file), _unique_ids(first)
    if ids is None or first_ids is None:
        return np.arange(len(first))
    order = np.argsort(ids)
    return order[np.searchsorted(ids, first_ids, sorter=order)]


def _unique_ids(file: SessionFile) -> npt.NDArray[np.str_] | None:
    """`[S]`, or `None` where there are none, or some session shares its id."""
    if "session_id" not in file:
        return None
    ids = file.column("session_id").astype(np.str_)
    return ids if len(np.unique(ids)) == len(ids) else None


def _same_labels(file: SessionFile, first: SessionFile, rows: Rows, task: str) -> bool:
    """Whether sessions have as many candidates with the same labels in the same order."""
    labels, lengths = file.lists(f"{task}.labels")
    first_labels, first_lengths = first.lists(f"{task}.labels")
    if not np.array_equal(lengths[rows], first_lengths):
        return False
    starts, first_starts = (np.cumsum(each) - each for each in (lengths, first_lengths))
    shifts = np.repeat(starts[rows] - first_starts, first_lengths)
    return np.array_equal(labels[np.arange(len(first_labels)) + shifts], first_labels)


def _differ(dimension: str, file: SessionFile, first: SessionFile, rows: Rows) -> bool:
    name = f"segment.{dimension}"
    return name not in file or not np.array_equal(file.column(name)[rows], first.column(name))
