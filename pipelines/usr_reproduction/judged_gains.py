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
        comparison: What was measured, corrected over all gains; `None` where runs are missing.
    """

    backbone: str
    cell: AucCell
    comparison: Comparison | None

    @property
    def in_paper(self) -> bool:
        """Whether it is among the paper's 24 gains."""
        return self.backbone != NOT_IN_PAPER

    @property
    def paper(self) -> float | None:
        """What the paper gained."""
        return paper_gain(self.backbone, self.cell.scenario, self.cell.task)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`, or empty where runs are missing.

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
        JudgedGain(
            backbone, cell, measurements.compare(base_name(backbone), usr_name(backbone), cell)
        )
        for backbone in BACKBONES
        for cell in measurements.cells
    ]
    tested = iter(holm([each.comparison for each in gains if each.comparison is not None]))
    return [
        gain if gain.comparison is None else dataclasses.replace(gain, comparison=next(tested))
        for gain in gains
    ]


def backbones_ahead(gains: Sequence[JudgedGain], *, significantly: bool) -> list[str]:
    """The paper's backbones that USR is ahead of in every scenario and task.

    Args:
        gains: As `judged_gains` returns them.
        significantly: Whether every gain must be `POSITIVE`, or just above zero.
    """

    def is_ahead(gain: JudgedGain) -> bool:
        if significantly:
            return gain.verdict == POSITIVE
        return gain.comparison is not None and gain.comparison.gain > 0

    names = dict.fromkeys(gain.backbone for gain in gains if gain.in_paper)
    return [
        name for name in names if all(is_ahead(gain) for gain in gains if gain.backbone == name)
    ]
