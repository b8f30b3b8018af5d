"""The claims and the yardsticks as tables with verdicts."""

from collections.abc import Sequence

from pipelines.reproduction.claims import (
    CANNOT_TELL,
    DID_NOT_HOLD,
    HELD,
    JudgedClaim,
    corrected,
)
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.number_words import gain, interval, number, p_value
from pipelines.reproduction.page import Cell, Mark, Table
from pipelines.reproduction.paper_numbers import FULL
from pipelines.reproduction.systems import CENTER, SYSTEMS, YARDSTICKS, systems_of
from ranking.metrics.comparison import Comparison

_MARKS: dict[str, Mark] = {HELD: "good", DID_NOT_HOLD: "bad", CANNOT_TELL: "unknown", "": ""}
_MEASURED = ("Gain here", "p (Holm)", "Could have shown")


def claims_table(claims: Sequence[JudgedClaim]) -> Table:
    """One row for each claim of the paper."""
    rows: list[list[Cell | str]] = [
        [
            Cell(claim.text, (claim.note,) if claim.note else ()),
            _verdict_cell(claim),
            *_measured_cells(claim.comparison),
            _paper_cell(claim),
        ]
        for claim in claims
    ]
    return Table(["Claim", "Verdict", *_MEASURED, "Paper"], rows, numbers_from=2)


def judged_yardsticks(measurements: Measurements) -> list[JudgedClaim]:
    """That AW-MoE & CL is ahead of DIN and of every yardstick there is, corrected over these."""
    rivals = ["din", *(system.name for system in systems_of([YARDSTICKS]))]
    claims = []
    for rival in rivals:
        comparison = measurements.compare(rival, CENTER, "session_auc", FULL)
        if comparison is not None:
            text = f"{SYSTEMS[CENTER].title} is ahead of {SYSTEMS[rival].title}"
            claims.append(JudgedClaim(text, {}, comparison))
    return corrected(claims)


def yardsticks_table(claims: Sequence[JudgedClaim]) -> Table:
    """One row for each rival."""
    rows: list[list[Cell | str]] = [
        [claim.text, _verdict_cell(claim), *_measured_cells(claim.comparison)] for claim in claims
    ]
    return Table(["Claim", "Verdict", *_MEASURED], rows, numbers_from=2)


def _paper_cell(claim: JudgedClaim) -> Cell:
    lines = [f"{gain(value)} {data}" for data, value in claim.paper.items()]
    return Cell(lines[0], tuple(lines[1:])) if lines else Cell("in Figure 8")


def _measured_cells(comparison: Comparison | None) -> list[Cell]:
    if comparison is None:
        return [Cell("–")] * 3
    drawn = interval(comparison.bootstrap_low, comparison.bootstrap_high)
    notes = [interval(comparison.low, comparison.high), f"users redrawn {drawn}"]
    return [
        Cell(gain(comparison.gain), tuple(notes), strong=True),
        Cell(p_value(comparison.p_value_holm), (f"alone {p_value(comparison.p_value)}",)),
        Cell(number(comparison.smallest_detectable)),
    ]


def _verdict_cell(claim: JudgedClaim) -> Cell:
    note = ""
    if claim.comparison is not None and not claim.comparison.seed_spread_known:
        note = "one seed: the gain may be chance in training"
    elif claim.verdict == DID_NOT_HOLD:
        note = "the opposite holds"
    elif claim.excludes_papers_gain:
        note = "a gain as large as the paper's is excluded"
    return Cell(claim.verdict or "not run", (note,) if note else (), mark=_MARKS[claim.verdict])
