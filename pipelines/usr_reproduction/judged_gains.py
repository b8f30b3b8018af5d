"""What USR gains over each backbone by itself, and what can be said about it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipelines.reproduction.page import Mark
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.usr_paper_numbers import SMALLEST_GAIN, paper_gain
from pipelines.usr_reproduction.usr_systems import BACKBONES, NOT_IN_PAPER, base_name, usr_name
from ranking.metrics.comparison import BETTER, WORSE, Comparison, holm

POSITIVE, NEGATIVE, NULL, CANNOT_TELL = "positive", "negative", "null", "cannot tell"
VERDICTS = (POSITIVE, NEGATIVE, NULL, CANNOT_TELL)
MARKS: dict[str, Mark] = {
    POSITIVE: "good",
    NEGATIVE: "bad",
    NULL: "bad",
    CANNOT_TELL: "unknown",
    "": "",
}


@dataclasses.dataclass(frozen=True)
class JudgedGain:
    """The gain of USR for one backbone, scenario and task.

    Attributes:
        backbone: The backbone.
        cell: Scenario and task.
        comparison: What was measured, corrected over all gains; `None` where runs are missing, or
            the AUC is undefined, as the labels of the cell are all the same.
        has_runs: Whether there are runs with and without USR.
    """

    backbone: str
    cell: AucCell
    comparison: Comparison | None
    has_runs: bool

    @property
    def in_paper(self) -> bool:
        """Whether it is among the paper's 24 gains."""
        return self.paper is not None

    @property
    def is_undefined(self) -> bool:
        """Whether there are runs, but no AUC."""
        return self.has_runs and self.comparison is None

    @property
    def paper(self) -> float | None:
        """What the paper gained."""
        return paper_gain(self.backbone, self.cell.scenario, self.cell.task)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`, or empty where there is no comparison.

        `POSITIVE` and `NEGATIVE` where the corrected p-value is below 5 %. `NULL` where it is not,
        and the interval lies below the smallest gain in the paper. A gain is about models, not
        about one training of each: without the spread over seeds nothing can be told.
        """
        if self.comparison is None:
            return ""
        if not self.comparison.seed_spread_known:
            return CANNOT_TELL
        found = {BETTER: POSITIVE, WORSE: NEGATIVE}.get(self.comparison.verdict)
        if found is None:
            return NULL if self.comparison.high < SMALLEST_GAIN else CANNOT_TELL
        return found

    def document(self) -> dict[str, Any]:
        """The gain for JSON."""
        document = dataclasses.asdict(self) | {"verdict": self.verdict, "paper": self.paper}
        if self.comparison is not None:
            document["comparison"]["verdict"] = self.comparison.verdict
        return document


def judged_gains(measurements: AucMeasurements) -> list[JudgedGain]:
    """The gain of every backbone in every scenario and task, corrected over those with runs."""
    gains = [
        _measured(measurements, name, cell) for name in BACKBONES for cell in measurements.cells
    ]
    tested = iter(holm([each.comparison for each in gains if each.comparison is not None]))
    return [
        gain if gain.comparison is None else dataclasses.replace(gain, comparison=next(tested))
        for gain in gains
    ]


def compared_backbones(gains: Sequence[JudgedGain]) -> list[str]:
    """The paper's backbones of which some gain was measured."""
    known = [each.backbone for each in gains if each.comparison is not None]
    return [name for name in dict.fromkeys(known) if name != NOT_IN_PAPER]


def backbones_ahead(gains: Sequence[JudgedGain], *, significantly: bool) -> list[str]:
    """The paper's backbones that USR is ahead of in every scenario and task with an AUC.

    Args:
        gains: As `judged_gains` returns them.
        significantly: Whether every gain must be `POSITIVE`, or just above zero.
    """

    def is_ahead(gain: JudgedGain) -> bool:
        if significantly:
            return gain.verdict == POSITIVE
        return gain.comparison is not None and gain.comparison.gain > 0

    defined = [gain for gain in gains if not gain.is_undefined]
    return [
        name
        for name in compared_backbones(gains)
        if all(is_ahead(gain) for gain in defined if gain.backbone == name)
    ]


def _measured(measurements: AucMeasurements, backbone: str, cell: AucCell) -> JudgedGain:
    """A gain that is not corrected yet."""
    systems = base_name(backbone), usr_name(backbone)
    has_runs = all(measurements.systems.runs.get(name) for name in systems)
    return JudgedGain(backbone, cell, measurements.compare(*systems, cell), has_runs)
