"""Sections of the report on what varies: parts left out, embedding sizes, the data."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pipelines.reproduction.page import Block, Picture, Section, Text
from pipelines.reproduction.report_figures import Figure
from pipelines.usr_reproduction.ablation_figure import ablation_figure
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.curve_figures import Curve, curve_figure
from pipelines.usr_reproduction.stress_curves import Curves
from pipelines.usr_reproduction.usr_systems import (
    ABLATIONS,
    BASE,
    CENTER,
    SIZE_SETTING,
    SIZE_VALUES,
    point_name,
)
from pipelines.usr_reproduction.usr_words import ABLATION_WORDS, SIZE_WORDS
from pipelines.usr_reproduction.variation_tables import (
    Points,
    ablation_table,
    size_table,
    stress_table,
)
from ranking.metrics.seed_spread import SeedSpread

_Measured = TypeVar("_Measured")


def ablation_section(measurements: AucMeasurements, path: Path) -> Figure | None:
    """Figure 2b; `None` without a run that leaves something out."""
    runs, titles = measurements.systems.runs, measurements.systems.definitions
    if not any(system.name in runs for system in ABLATIONS):
        return None
    names = [name for name in (CENTER, *(each.name for each in ABLATIONS), BASE) if name in runs]
    panels = {
        cell.title: {
            titles[name].title: spread
            for name in names
            if (spread := measurements.spread(name, cell)) is not None
        }
        for cell in measurements.cells
    }
    panels = {title: bars for title, bars in panels.items() if bars}
    ablation_figure(panels, path, simulated=measurements.systems.simulated)
    picture = Picture(path, "AUC of USR around STAR with parts left out")
    table = ablation_table(measurements, names, CENTER)
    blocks: list[Block] = [Text(ABLATION_WORDS), picture, table]
    return Figure(Section("Figure 2b: parts left out", blocks), names)


def size_section(measurements: AucMeasurements, path: Path) -> Figure | None:
    """Figure 2c; `None` where no system was run with two sizes."""
    titles = measurements.systems.definitions
    points = {titles[name].title: _sizes(measurements, name) for name in (BASE, CENTER)}
    points = {title: sizes for title, sizes in points.items() if len(sizes) > 1}
    if not points:
        return None
    panels = {cell.title: _size_curves(points, cell) for cell in measurements.cells}
    panels = {name: drawn for name, drawn in panels.items() if drawn}
    curve_figure(
        panels,
        path,
        title="AUC by embedding size",
        x_label=SIZE_SETTING.replace("_", " "),
        y_label="AUC",
        simulated=measurements.systems.simulated,
        note="Dot: mean over seeds. Line: one standard deviation of the seeds to either side.",
        evenly_spaced=True,
    )
    picture = Picture(path, "AUC of Base and USR by embedding size")
    blocks: list[Block] = [Text(SIZE_WORDS), picture, size_table(points, measurements.cells)]
    sizes = {title: sorted(by_size) for title, by_size in points.items()}
    return Figure(Section("Figure 2c: embedding size", blocks), sizes)


def stress_section(
    curves: Curves, cells: Sequence[AucCell], path: Path, *, option: str, title: str, words: str
) -> Figure | None:
    """Gains over Base while an option of the simulation varies; `None` without two values."""
    if not curves:
        return None
    panels = {cell.title: _gain_curves(curves, cell) for cell in cells}
    panels = {name: drawn for name, drawn in panels.items() if drawn}
    curve_figure(
        panels,
        path,
        title=f"Gain of AUC over Base by {option}",
        x_label=option.replace("_", " "),
        y_label="gain of AUC, 1e-2",
        simulated=True,
        note="Line: 95 % interval over users and, where there are several, seeds.",
        zero_line=True,
    )
    picture = Picture(path, f"Gain of AUC over Base by {option}")
    table = stress_table(curves, cells, option)
    numbers = {
        name: {f"{x:g}": _plain(each) for x, each in by.items()} for name, by in curves.items()
    }
    return Figure(Section(title, [Text(words), picture, table]), numbers)


def _sizes(measurements: AucMeasurements, system: str) -> dict[float, dict[AucCell, SeedSpread]]:
    """Embedding size -> AUC; the system itself has the size that its runs say."""
    names = {float(value): point_name(system, SIZE_SETTING, value) for value in SIZE_VALUES}
    runs = measurements.systems.runs
    if system in runs:
        names[float(next(iter(runs[system].values())).settings[SIZE_SETTING])] = system
    found = {
        size: {
            cell: spread
            for cell in measurements.cells
            if (spread := measurements.spread(name, cell)) is not None
        }
        for size, name in sorted(names.items())
    }
    return {size: spreads for size, spreads in found.items() if spreads}


def _size_curves(points: Mapping[str, Points], cell: AucCell) -> list[Curve]:
    return _curves(points, cell, lambda each: (each.mean, each.mean - each.sd, each.mean + each.sd))


def _gain_curves(curves: Curves, cell: AucCell) -> list[Curve]:
    return _curves(curves, cell, lambda each: (100 * each.gain, 100 * each.low, 100 * each.high))


def _curves(
    points: Mapping[str, Mapping[float, Mapping[AucCell, _Measured]]],
    cell: AucCell,
    heights: Callable[[_Measured], tuple[float, float, float]],
) -> list[Curve]:
    """A curve for each title that has a point in the cell.

    Args:
        points: Title -> x -> what was measured in each cell where AUC is defined.
        cell: The scenario and task.
        heights: Says how high a point is, and the ends of its interval.
    """
    drawn = []
    for title, by_x in points.items():
        found = {x: heights(cells[cell]) for x, cells in by_x.items() if cell in cells}
        if found:
            y, low, high = zip(*found.values(), strict=True)
            drawn.append(Curve(title, list(found), y, low, high))
    return drawn


def _plain(gains: Mapping[AucCell, object]) -> dict[str, dict[str, float]]:
    """The numbers of a point by what its panel is called."""
    names = ("gain", "low", "high", "p_value")
    return {
        cell.title: {name: float(getattr(comparison, name)) for name in names}
        for cell, comparison in gains.items()
    }
