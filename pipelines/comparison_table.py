"""Comparisons of systems as tables for people."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from pipelines.comparison_explanation import explanation, metric_name
from pipelines.comparison_report import ALL, ComparisonReport
from ranking.metrics.comparison import BETTER, WORSE, Comparison
from ranking.metrics.seed_spread import SeedSpread

Column = tuple[str, Callable[[Comparison], str]]

_UNDEFINED = "–"
_FILE_WIDTH = 120  # what is not a terminal has no width of its own
_LEAST_NEEDED = ("users", "users redrawn", "p unpaired", "could show")
_COLORS = {BETTER: "green", WORSE: "red"}


def print_comparison(console: Console, report: ComparisonReport) -> None:
    """Prints the systems, each one's gains over the base, the segments, and how to read them."""
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)
    for task in report.compared.tasks:
        _print_systems(console, report, task)
        for system in report.systems:
            if system is not report.base:
                _print_gains(console, report, task, system.label)
    console.print()
    for line in explanation(report):
        console.print(line, style="dim", highlight=False, markup=False)


def _print_systems(console: Console, report: ComparisonReport, task: str) -> None:
    title = f"{task} on {report.data}, {report.split} split"
    if report.compared.simulated:
        title += ", simulated data"
    _print(console, lambda gap, _: systems_table(report, task, title, gap=gap), ())


def _print_gains(console: Console, report: ComparisonReport, task: str, system: str) -> None:
    """One table of all metrics, and one of the first metric by segment."""
    rows = [row for row in report.rows if row.system == system and row.task == task]
    overall = {metric_name(row.metric): row.comparison for row in rows if row.segment == ALL}
    segments = {row.segment: row.comparison for row in rows if row.segment != ALL}
    title = f"{system} against {report.base.label}, {task}"
    by_segment = f"{title}: {metric_name(report.metrics[0])} by segment"
    for heading, found in ((title, overall), (by_segment, segments)):
        if found:
            _print(console, functools.partial(_gains, found, heading), _LEAST_NEEDED)


def _gains(found: Mapping[str, Comparison], title: str, gap: int, hidden: Sequence[str]) -> Table:
    return gains_table(found, title, gap=gap, hidden=hidden)


def systems_table(report: ComparisonReport, task: str, title: str, *, gap: int = 2) -> Table:
    """Maps a report to the table of its systems: the mean of each metric, and its spread."""
    table = _table(title, gap)
    table.add_column("", overflow="fold")
    table.add_column("seeds", justify="right", vertical="bottom", no_wrap=True)
    for metric in report.metrics:
        table.add_column(metric_name(metric), justify="right", vertical="bottom", no_wrap=True)
    for system in report.systems:
        spreads = [report.means[system.label, task, metric] for metric in report.metrics]
        table.add_row(
            escape(system.label),
            str(len(system.runs)),
            *map(_spread, spreads),
            style="bold" if system is report.base else None,
        )
    return table


def gains_table(
    comparisons: Mapping[str, Comparison],
    title: str,
    *,
    gap: int = 2,
    hidden: Sequence[str] = (),
) -> Table:
    """Maps comparisons by what they are of to a table: a row for each.

    Args:
        comparisons: By metric, or by segment.
        title: Above the table.
        gap: Blanks between columns, at least 1.
        hidden: Columns to leave out, named below the table.
    """
    table = _table(title, gap)
    if hidden:
        table.caption = f"Left out for want of space: {', '.join(hidden)}."
    table.add_column("", no_wrap=True, max_width=30)
    columns = [column for column in _COLUMNS if column[0] not in hidden]
    for name, _ in columns:
        table.add_column(name, justify="right", vertical="bottom", no_wrap=True)
    for label, comparison in comparisons.items():
        cells = [render(comparison) for _, render in columns]
        table.add_row(escape(label), *cells, style=_COLORS.get(comparison.verdict))
    return table


def _print(
    console: Console, build: Callable[[int, Sequence[str]], Table], least: Sequence[str]
) -> None:
    """Prints a table, closer and then with fewer columns in a narrow terminal."""
    table = build(2, ())
    for count in range(len(least) + 1):
        if _width(table, console) <= console.width:
            break
        table = build(1, least[:count])
    console.print()
    console.print(table)


def _width(table: Table, console: Console) -> int:
    """Characters that the columns need; what stands above and below them wraps."""
    roomy = console.options.update(width=10 * _FILE_WIDTH)
    return Measurement.get(console, roomy, table).maximum


def _table(title: str, gap: int) -> Table:
    return Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
        box=box.SIMPLE_HEAD,
        padding=(0, gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def _spread(spread: SeedSpread) -> str:
    mean = _UNDEFINED if math.isnan(spread.mean) else f"{spread.mean:.4f}"
    return mean if math.isnan(spread.sd) else f"{mean} ±{spread.sd:.4f}"


def _signed(value: float) -> str:
    if math.isnan(value):
        return _UNDEFINED
    text = f"{value:+.4f}"
    return text if float(text) else text[1:]  # "-0.0000" would seem to say more than 0


def _interval(low: float, high: float) -> str:
    return _UNDEFINED if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"


def _p_value(value: float) -> str:
    if math.isnan(value):
        return _UNDEFINED
    return f"{value:.3f}" if value >= 0.001 or value == 0 else f"{value:.0e}"


def _size(value: float) -> str:
    return _UNDEFINED if math.isnan(value) else f"{value:.4f}"


_COLUMNS: tuple[Column, ...] = (
    ("sessions", lambda found: f"{found.sessions:,}"),
    ("users", lambda found: f"{found.users:,}"),
    ("gain", lambda found: _signed(found.gain)),
    ("95 %", lambda found: _interval(found.low, found.high)),
    ("users redrawn", lambda found: _interval(found.bootstrap_low, found.bootstrap_high)),
    ("p", lambda found: _p_value(found.p_value_holm)),
    ("p unpaired", lambda found: _p_value(found.p_value_unpaired)),
    ("could show", lambda found: _size(found.smallest_detectable)),
    ("verdict", lambda found: found.verdict),
)
