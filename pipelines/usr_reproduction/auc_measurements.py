"""Pooled AUC of a reproduction's systems by scenario and task, each computed once."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.reproduction.evaluated_run import EvaluatedRun
from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.usr_reproduction.auc_cells import AucCell, auc_cells, scenario_of
from ranking.metrics.comparison import Comparison
from ranking.metrics.pooled_auc_gain import compare_pooled_auc
from ranking.metrics.redrawn_auc import RedrawnAuc, redrawn_auc
from ranking.metrics.seed_spread import SeedSpread, seed_spread
from ranking.metrics.user_clusters import user_codes
from ranking.training.session_file import SessionFile


class AucMeasurements:
    """Answers what tables and figures ask about AUC, and keeps the answers.

    Args:
        systems: The evaluated runs.
        draws: How often users are redrawn.

    Attributes:
        systems: The evaluated runs.
        cells: Every scenario with every task.

    Raises:
        ValueError: If the sessions have no scenarios.
    """

    def __init__(self, systems: EvaluatedSystems, *, draws: int = 2000) -> None:
        self.systems = systems
        self.cells = auc_cells(systems.sessions)
        self._draws = draws
        self._scenarios = scenario_of(systems.sessions)
        self._users = user_codes(systems.sessions.users, len(systems.sessions))
        self._aucs: dict[str, dict[AucCell, list[RedrawnAuc]]] = {}
        self._comparisons: dict[tuple[str, str, AucCell], Comparison] = {}

    def spread(self, system: str, cell: AucCell) -> SeedSpread | None:
        """The AUC of a system over its seeds; `None` without runs or without both classes."""
        aucs = self._system_aucs(system).get(cell, [])
        values = [each.value for each in aucs]
        return None if not values or np.isnan(values).any() else seed_spread(values)

    def compare(self, base: str, other: str, cell: AucCell) -> Comparison | None:
        """How much larger the AUC of `other` is than that of `base`; `None` without runs."""
        key = (base, other, cell)
        if key not in self._comparisons:
            if self.spread(base, cell) is None or self.spread(other, cell) is None:
                return None
            chosen = self._scenarios == cell.scenario
            self._comparisons[key] = compare_pooled_auc(
                self._system_aucs(base)[cell],
                self._system_aucs(other)[cell],
                sessions=int(chosen.sum()),
                users=len(np.unique(self._users[chosen])),
            )
        return self._comparisons[key]

    def document(self) -> dict[str, Any]:
        """Everything that was asked so far, for JSON."""
        metrics: dict[str, Any] = {}
        for system in self._aucs:
            for cell in self.cells:
                spread = self.spread(system, cell)
                if spread is not None:
                    numbers = metrics.setdefault(system, {}).setdefault(cell.scenario, {})
                    numbers[cell.task] = dataclasses.asdict(spread)
        comparisons = [
            {"base": base, "other": other, **dataclasses.asdict(cell), **_numbers(comparison)}
            for (base, other, cell), comparison in self._comparisons.items()
        ]
        return {"metrics": metrics, "comparisons": comparisons}

    def _system_aucs(self, system: str) -> dict[AucCell, list[RedrawnAuc]]:
        """The AUC of each seed by cell; nothing for a system without runs."""
        runs = self.systems.runs.get(system)
        if runs and system not in self._aucs:
            by_run = [self._run_aucs(run) for run in runs.values()]
            self._aucs[system] = {cell: [aucs[cell] for aucs in by_run] for cell in self.cells}
        return self._aucs.get(system, {})

    def _run_aucs(self, run: EvaluatedRun) -> dict[AucCell, RedrawnAuc]:
        sessions = self.systems.sessions
        file, aucs = SessionFile(run.sessions_path), {}
        owners = np.repeat(np.arange(len(sessions)), sessions.lengths)
        for task, labels in sessions.labels.items():
            scores, lengths = file.lists(f"{task}.scores")
            scores = scores[sessions.places_in(lengths, run.rows)]
            for cell in (cell for cell in self.cells if cell.task == task):
                chosen = (self._scenarios == cell.scenario)[owners]
                aucs[cell] = self._auc(scores[chosen], labels[chosen], owners[chosen])
        return aucs

    def _auc(
        self,
        scores: npt.NDArray[np.float32],
        labels: npt.NDArray[np.float32],
        owners: npt.NDArray[np.int64],
    ) -> RedrawnAuc:
        # All systems have the same users in a cell, so equal seeds draw the same for all.
        _, codes = np.unique(self._users[owners], return_inverse=True)
        return redrawn_auc(scores, labels, codes.reshape(-1), draws=self._draws)


def _numbers(comparison: Comparison) -> dict[str, Any]:
    """A comparison without its verdict, which is for one family of comparisons alone."""
    document = dataclasses.asdict(comparison)
    left_out = ("verdict", "p_value_holm", "base", "other", "p_value_sessions")
    for name in (*left_out, "p_value_unpaired", "left_out"):
        del document[name]
    return document
