"""Tables of what varies: parts of USR left out, embedding sizes, the data."""

from collections.abc import Mapping, Sequence

from pipelines.reproduction.number_words import number
from pipelines.reproduction.page import Cell, Table
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.hundredths import hundredths, hundredths_interval
from pipelines.usr_reproduction.table_one import spread_text
from ranking.metrics.comparison import Comparison
from ranking.metrics.seed_spread import SeedSpread

Points = Mapping[float, Mapping[AucCell, SeedSpread]]
Curves = Mapping[str, Mapping[float, Mapping[AucCell, Comparison]]]


def ablation_table(measurements: AucMeasurements, systems: Sequence[str], whole: str) -> Table:
    """One row for each system that was run: its AUC, and how far it is from the whole model."""
    rows: list[list[Cell | str]] = []
    titles = measurements.systems.definitions
    for system in systems:
        if system in measurements.systems.runs:
            cells = [
                _ablation_cell(measurements, whole, system, each) for each in measurements.cells
            ]
            rows.append([titles[system].title, *cells])
    return Table(["System", *(cell.title for cell in measurements.cells)], rows)


def size_table(points: Mapping[str, Points], cells: Sequence[AucCell]) -> Table:
    """One row for each system and embedding size."""
    rows = [
        [title, f"{size:g}", *(spread_text(found.get(cell)) for cell in cells)]
        for title, by_size in points.items()
        for size, found in by_size.items()
    ]
    return Table(["System", "Size", *(cell.title for cell in cells)], rows)


def stress_table(curves: Curves, cells: Sequence[AucCell], option: str) -> Table:
    """One row for each system and value: its gain over Base."""
    rows: list[list[Cell | str]] = [
        [title, f"{value:g}", *(_gain_cell(found.get(cell)) for cell in cells)]
        for title, by_value in curves.items()
        for value, found in by_value.items()
    ]
    return Table(["Gain over Base, 1e-2", f"`{option}`", *(cell.title for cell in cells)], rows)


def _ablation_cell(measurements: AucMeasurements, whole: str, system: str, cell: AucCell) -> Cell:
    spread = measurements.spread(system, cell)
    comparison = None if system == whole else measurements.compare(whole, system, cell)
    if comparison is None:
        return Cell(spread_text(spread))
    interval = hundredths_interval(comparison.low, comparison.high)
    notes = (f"{hundredths(comparison.gain)} {interval}", _seed_words(comparison))
    return Cell(spread_text(spread), notes, strong=comparison.stands_out)


def _gain_cell(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return Cell(number(None))
    notes = (hundredths_interval(comparison.low, comparison.high), _seed_words(comparison))
    return Cell(hundredths(comparison.gain), notes, strong=comparison.stands_out)


def _seed_words(comparison: Comparison) -> str:
    seeds = min(comparison.seeds)
    return f"{seeds} seed{'s' * (seeds > 1)}"
