"""Where AUC is measured: in the sessions of one scenario, for one task."""

import dataclasses

import numpy as np
import numpy.typing as npt

from pipelines.reproduction.evaluated_sessions import TestSessions
from pipelines.usr_reproduction.usr_paper_numbers import CTR, SCENARIOS, task_title

_DIMENSION = "scenario"


@dataclasses.dataclass(frozen=True)
class AucCell:
    """A column pair of Table 1.

    Attributes:
        scenario: Name of the scenario.
        task: Name of the label.
    """

    scenario: str
    task: str

    @property
    def title(self) -> str:
        """How tables and figures call it.

        Example:
            >>> AucCell("search", "click").title
            'search, CTR'
        """
        return f"{self.scenario}, {task_title(self.task)}"


def scenario_of(sessions: TestSessions) -> npt.NDArray[np.str_]:
    """The name of each session's scenario, `[S]`.

    Raises:
        ValueError: If the sessions have no scenarios.
    """
    if _DIMENSION not in sessions.segments:
        raise ValueError(
            f"Test sessions must have a scenario (a session field `{_DIMENSION}`, named by `roles: "
            f"scenario` of the spec). Received segments: {', '.join(sessions.segments) or 'none'}. "
            "Train on data that have it."
        )
    return sessions.segments[_DIMENSION].astype(str)


def auc_cells(sessions: TestSessions) -> list[AucCell]:
    """All scenarios and tasks of some sessions, those of the paper first."""
    found = np.unique(scenario_of(sessions)).tolist()
    scenarios = sorted(found, key=_place)
    tasks = sorted(sessions.tasks, key=lambda task: task_title(task) != CTR)
    return [AucCell(scenario, task) for scenario in scenarios for task in tasks]


def _place(scenario: str) -> tuple[bool, int, str]:
    """Sorts scenarios as the paper has them, and others after those."""
    known = list(SCENARIOS)
    is_known = scenario in known
    return (not is_known, known.index(scenario) if is_known else 0, scenario)
