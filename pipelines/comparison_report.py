"""Compares systems metric by metric and segment by segment."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.compared_runs import Array, ComparedRuns
from pipelines.compared_systems import ComparedSystem, other_training
from ranking.metrics.comparison import Comparison, compare_systems, holm
from ranking.metrics.seed_spread import SeedSpread, seed_spread
from ranking.metrics.user_clusters import known_users, user_codes

Mask = npt.NDArray[np.bool_]

ALL = "all"


@dataclasses.dataclass(frozen=True)
class ComparedMetric:
    """One comparison with the base.

    Attributes:
        system: Label of the other system.
        task: What was predicted.
        metric: Name of the metric.
        segment: `all`, or which sessions.
        comparison: What they say.
    """

    system: str
    task: str
    metric: str
    segment: str
    comparison: Comparison


@dataclasses.dataclass(frozen=True, eq=False)
class ComparisonReport:
    """All comparisons of several systems with one of them.

    Attributes:
        compared: The runs.
        systems: The systems that they are of.
        base: The system that the others are compared with.
        metrics: Names of the metrics; the first is compared by segment too.
        means: (label of a system, task, metric) -> its mean over sessions, and spread over seeds.
        rows: The comparisons: for each other system and task the metrics, then the segments.
        draws: How often users were redrawn.
        seed: Seeds those draws.
    """

    compared: ComparedRuns
    systems: Sequence[ComparedSystem]
    base: ComparedSystem
    metrics: Sequence[str]
    means: Mapping[tuple[str, str, str], SeedSpread]
    rows: Sequence[ComparedMetric]
    draws: int
    seed: int

    @property
    def has_users(self) -> bool:
        """Whether the sessions say whose they are."""
        return "user_id" in self.compared.sessions

    @property
    def sessions_without_user(self) -> int:
        """How many sessions do not say whose they are: each counts as a user of its own."""
        file = self.compared.sessions
        if not self.has_users:
            return len(file)
        return int(np.count_nonzero(~known_users(file.column("user_id"))))

    @property
    def data(self) -> str:
        """Name of the data's folder."""
        return Path(self.compared.sessions.document["data"]).name

    @property
    def split(self) -> str:
        """Name of the split."""
        return str(self.compared.sessions.document["split"])

    def document(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {
            "data": str(self.compared.sessions.document["data"]),
            "split": self.split,
            "simulated": self.compared.simulated,
            "base": self.base.label,
            "draws": self.draws,
            "seed": self.seed,
            "sessions_without_user": self.sessions_without_user,
            "evaluated_manifests": list(self.compared.manifests),
            "systems": [self._system(system) for system in self.systems],
            "different_training_settings": other_training(self.systems),
            "segments_other_runs_see_otherwise": list(self.compared.other_segments),
            "comparisons": [
                {**dataclasses.asdict(row), "seed_spread_known": row.comparison.seed_spread_known}
                for row in self.rows
            ],
        }

    def _system(self, system: ComparedSystem) -> dict[str, Any]:
        first = system.runs[0].document
        return {
            "label": system.label,
            **{key: first[key] for key in ("model", "model_settings", "training_settings")},
            "seeds": [run.document["seed"] for run in system.runs],
            "runs": [str(run.folder) for run in system.runs],
            "metrics": {
                f"{task}.{metric}": dataclasses.asdict(self.means[system.label, task, metric])
                for task in self.compared.tasks
                for metric in self.metrics
            },
        }


def compare_all(
    compared: ComparedRuns,
    systems: Sequence[ComparedSystem],
    base: ComparedSystem,
    metrics: Sequence[str],
    segments: Mapping[str, Mask],
    *,
    draws: int,
    seed: int,
) -> ComparisonReport:
    """Compares every other system with `base`: all metrics on all sessions, the first by segment.

    P-values of segments are corrected by Holm: the segments of one system and task are a family.
    """
    compare = functools.partial(_compare, compared, base, segments, draws=draws, seed=seed)
    rows = [
        row
        for system in systems
        if system is not base
        for task in compared.tasks
        for metric in metrics
        for row in compare(system, task, metric, by_segment=metric == metrics[0])
    ]
    means = {
        (system.label, task, metric): _means(system, f"{task}.{metric}")
        for system in systems
        for task in compared.tasks
        for metric in metrics
    }
    return ComparisonReport(compared, systems, base, metrics, means, rows, draws, seed)


def _compare(
    compared: ComparedRuns,
    base: ComparedSystem,
    segments: Mapping[str, Mask],
    system: ComparedSystem,
    task: str,
    metric: str,
    *,
    by_segment: bool,
    draws: int,
    seed: int,
) -> list[ComparedMetric]:
    """One metric of a system against the base's, on all sessions and maybe by segment."""
    before, after = (_values(each, f"{task}.{metric}") for each in (base, system))
    users = _users(compared)
    masks = {ALL: np.ones(len(users), dtype=bool), **(segments if by_segment else {})}
    found = {
        name: compare_systems(
            [values[mask] for values in before],
            [values[mask] for values in after],
            users[mask],
            seed=seed,
            draws=draws,
        )
        for name, mask in masks.items()
    }
    return _corrected(system.label, task, metric, found)


def _users(compared: ComparedRuns) -> npt.NDArray[np.int64]:
    """A number above 0 for each user, which are found faster than names."""
    file = compared.sessions
    return user_codes(file.column("user_id") if "user_id" in file else None, len(file)) + 1


def _corrected(
    system: str, task: str, metric: str, found: Mapping[str, Comparison]
) -> list[ComparedMetric]:
    """The comparison of all sessions stands for itself; its segments are a family."""
    names = [name for name in found if name != ALL]
    family = dict(zip(names, holm([found[name] for name in names]), strict=True))
    return [
        ComparedMetric(system, task, metric, name, comparison)
        for name, comparison in {ALL: found[ALL], **family}.items()
    ]


def _values(system: ComparedSystem, column: str) -> list[Array]:
    """The values of each seed."""
    return [run.metrics[column] for run in system.runs]


def _means(system: ComparedSystem, column: str) -> SeedSpread:
    known = [values[~np.isnan(values)] for values in _values(system, column)]
    return seed_spread([float(each.mean()) if each.size else float("nan") for each in known])
