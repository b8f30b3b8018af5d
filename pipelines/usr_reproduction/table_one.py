"""Table 1 as the USR paper has it, and all its gains with intervals and verdicts."""

from collections.abc import Sequence

from pipelines.reproduction.number_words import number, p_value
from pipelines.reproduction.page import Cell, Table
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.hundredths import hundredths, hundredths_interval
from pipelines.usr_reproduction.judged_gains import MARKS, JudgedGain
from pipelines.usr_reproduction.usr_paper_numbers import SCENARIOS, paper_auc, task_title
from pipelines.usr_reproduction.usr_systems import BACKBONES, NOT_IN_PAPER, base_name, usr_name
from ranking.metrics.comparison import Comparison
from ranking.metrics.seed_spread import SeedSpread

_METHODS = {False: "Base", True: "Base+USR"}
MEASURED = ("Gain, 1e-2", "p (Holm)", "Could have shown, 1e-2")


def auc_table(measurements: AucMeasurements, gains: Sequence[JudgedGain]) -> Table:
    """Scenarios and methods down, backbones and tasks across."""
    cells, backbones = measurements.cells, _with_runs(measurements)
    tasks = list(dict.fromkeys(cell.task for cell in cells))
    header = [f"{_title(backbone)} {task_title(task)}" for backbone in backbones for task in tasks]
    rows: list[list[Cell | str]] = []
    for scenario in dict.fromkeys(cell.scenario for cell in cells):
        columns = [(each, AucCell(scenario, task)) for each in backbones for task in tasks]
        letter = SCENARIOS.get(scenario, "")
        for with_usr, method in _METHODS.items():
            name = Cell(letter or scenario, (scenario,)) if not with_usr and letter else ""
            row = [_auc_cell(measurements, *column, with_usr) for column in columns]
            rows.append([name or ("" if with_usr else scenario), method, *row])
        by_column = {(gain.backbone, gain.cell): gain for gain in gains}
        rows.append(["", "gain, 1e-2", *(_gain_cell(by_column[column]) for column in columns)])
    return Table(["Scenario", "Method", *header], rows, numbers_from=2)


def gains_table(gains: Sequence[JudgedGain]) -> Table:
    """One row for each gain that there are runs for, or that is in the paper."""
    rows: list[list[Cell | str]] = []
    for gain in gains:
        if gain.in_paper or gain.has_runs:
            missing = "undefined" if gain.is_undefined else "not run"
            verdict = Cell(gain.verdict or missing, mark=MARKS[gain.verdict])
            measured = measured_cells(gain.comparison)
            name = _title(gain.backbone)
            rows.append([name, gain.cell.title, verdict, *measured, hundredths(gain.paper)])
    header = ["Backbone", "Scenario, task", "Verdict", *MEASURED, "Paper, 1e-2"]
    return Table(header, rows, numbers_from=3)


def measured_cells(comparison: Comparison | None) -> list[Cell]:
    """A gain with its intervals, its p-value, and what could have been seen: see `MEASURED`."""
    if comparison is None:
        return [Cell("–")] * len(MEASURED)
    drawn = hundredths_interval(comparison.bootstrap_low, comparison.bootstrap_high)
    notes = [hundredths_interval(comparison.low, comparison.high), f"users redrawn {drawn}"]
    return [
        Cell(hundredths(comparison.gain), tuple(notes), strong=True),
        Cell(p_value(comparison.p_value_holm), (f"alone {p_value(comparison.p_value)}",)),
        Cell(number(100 * comparison.smallest_detectable, 2)),
    ]


def spread_text(spread: SeedSpread | None) -> str:
    """A mean over seeds with its standard deviation."""
    if spread is None:
        return number(None)
    return number(spread.mean) + (f" ± {number(spread.sd)}" if spread.seeds > 1 else "")


def _with_runs(measurements: AucMeasurements) -> list[str]:
    """The paper's backbones, and others that there are runs of."""
    runs = measurements.systems.runs
    return [
        backbone
        for backbone in BACKBONES
        if backbone != NOT_IN_PAPER or {base_name(backbone), usr_name(backbone)} & runs.keys()
    ]


def _title(backbone: str) -> str:
    note = " (not in the paper)" if backbone == NOT_IN_PAPER else ""
    return BACKBONES[backbone] + note


def _auc_cell(measurements: AucMeasurements, backbone: str, cell: AucCell, with_usr: bool) -> Cell:
    system = usr_name(backbone) if with_usr else base_name(backbone)
    published = paper_auc(backbone, cell.scenario, cell.task, with_usr=with_usr)
    notes = () if published is None else (f"paper {number(published)}",)
    return Cell(spread_text(measurements.spread(system, cell)), notes)


def _gain_cell(gain: JudgedGain) -> Cell:
    notes = [] if gain.paper is None else [f"paper {hundredths(gain.paper)}"]
    if gain.comparison is None:
        return Cell("–", tuple(notes))
    interval = hundredths_interval(gain.comparison.low, gain.comparison.high)
    return Cell(hundredths(gain.comparison.gain), (interval, *notes), mark=MARKS[gain.verdict])
