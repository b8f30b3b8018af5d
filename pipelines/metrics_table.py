"""The metrics of an evaluation as a table for people."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from pipelines.reading_order import reading_order
from ranking.metrics.share_of_way import share_of_way

if TYPE_CHECKING:
    from ranking.training.evaluation import Evaluation
    from ranking.training.run_folder import Run

Metrics = Mapping[str, Any]
Column = tuple[str, Callable[[Metrics], str]]

_ALL = "all"
_UNDEFINED = "–"
_PADDED = ("behaviors", "candidates")
_LABEL_WIDTH = 30
_FILE_WIDTH = 120  # what is not a terminal has no width of its own
_FIRST_DIMENSIONS = ("scenario", "history", "category")
_LEAST_NEEDED = ("log loss", "NDCG@10", "PCOC", "AUC", "AUC@10")


def print_evaluation(console: Console, evaluation: "Evaluation", run: "Run", split: str) -> None:
    """Prints one table for each task of an evaluated run."""
    for task, segments in evaluation.report().items():
        title = f"{task} by {run.model} on {run.spec.name}, {split} split"
        if run.simulated:
            title += ", simulated data"
        print_metrics(console, segments, title)
    if evaluation.padding:
        padding = [f"{evaluation.padding[f'{of}_padding']:.1%} of {of}" for of in _PADDED]
        console.print(f"[dim]padding of the batches: {' and '.join(padding)}[/dim]")


def print_metrics(console: Console, segments: Mapping[str, Metrics], title: str) -> None:
    """Prints the table of one task, closer and then with fewer columns in a narrow terminal."""
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)
    table = metrics_table(segments, title)
    for count in range(len(_LEAST_NEEDED) + 1):
        if _width(table, console) <= console.width:
            break
        table = metrics_table(segments, title, gap=1, hidden=_LEAST_NEEDED[:count])
    console.print()
    console.print(table)


def metrics_table(
    segments: Mapping[str, Metrics], title: str, *, gap: int = 2, hidden: Sequence[str] = ()
) -> Table:
    """Maps the metrics of one task, by segment, to a table: a row for each segment.

    Args:
        segments: One task of `Evaluation.report`, or of metrics.json.
        title: Above the table: says the task, the data, and whether they are simulated.
        gap: Blanks between columns, at least 1.
        hidden: Columns to leave out, named in the footnote.
    """
    columns = [column for column in _columns(segments) if column[0] not in hidden]
    table = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        caption=_footnote(segments, hidden),
        caption_justify="left",
        caption_style="dim",
        box=box.SIMPLE_HEAD,
        padding=(0, gap - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("", no_wrap=True, max_width=_LABEL_WIDTH)
    for name, _ in columns:
        table.add_column(name.replace(" ", "\n"), justify="right", vertical="bottom", no_wrap=True)
    for dimension, names in _dimensions(segments).items():
        if dimension != _ALL:
            table.add_row(escape(dimension), style="bold")
        for label, segment in names.items():
            cells = [render(segments[segment]) for _, render in columns]
            table.add_row(escape(label), *cells, style="bold" if dimension == _ALL else None)
    return table


def _width(table: Table, console: Console) -> int:
    """Characters that the columns need; the lines above and below them wrap."""
    roomy = console.options.update(width=10 * _FILE_WIDTH)
    return Measurement.get(console, roomy, table).maximum


def _columns(segments: Mapping[str, Metrics]) -> list[Column]:
    """Titles and renderers; those of reference rankers where the data has them."""
    columns: list[Column] = [
        ("sessions", lambda metrics: f"{metrics['sessions']:,}"),
        ("session AUC", lambda metrics: _number(metrics["session_auc"])),
        ("AUC@10", lambda metrics: _number(metrics["auc_at_10"])),
        ("NDCG", lambda metrics: _number(metrics["ndcg"])),
        ("NDCG@10", lambda metrics: _number(metrics["ndcg_at_10"])),
        ("AUC", lambda metrics: _number(metrics["auc"])),
        ("log loss", lambda metrics: _number(metrics["log_loss"])),
        ("PCOC", lambda metrics: _number(metrics["pcoc"], digits=3)),
    ]
    rankers = segments[_ALL].get("references", {})
    if "popularity" in rankers:
        columns.append(
            ("popularity AUC", lambda metrics: _number(_reference(metrics, "popularity")))
        )
    if "oracle" in rankers:
        columns.append(("oracle AUC", lambda metrics: _number(_reference(metrics, "oracle"))))
    if {"popularity", "oracle"} <= set(rankers):
        columns.append(("share of\xa0way", _share))
    return columns


def _reference(metrics: Metrics, ranker: str) -> float:
    return float(metrics["references"][ranker]["session_auc"])


def _share(metrics: Metrics) -> str:
    share = share_of_way(
        metrics["session_auc"], _reference(metrics, "popularity"), _reference(metrics, "oracle")
    )
    return _UNDEFINED if math.isnan(share) else f"{share:.0%}"


def _number(value: float, digits: int = 4) -> str:
    return _UNDEFINED if math.isnan(value) else f"{value:.{digits}f}"


def _dimensions(segments: Mapping[str, Metrics]) -> dict[str, dict[str, str]]:
    """Dimension -> label of a row -> segment, in reading order."""
    grouped: dict[str, dict[str, str]] = {_ALL: {_ALL: _ALL}}
    dimensions = {name.partition("=")[0] for name in segments} - {_ALL, *_FIRST_DIMENSIONS}
    for dimension in (*_FIRST_DIMENSIONS, *sorted(dimensions)):
        names = [name for name in segments if name.startswith(f"{dimension}=")]
        if names:
            values = {name.partition("=")[2]: name for name in names}
            ordered = sorted(values, key=reading_order)
            grouped[dimension] = {f"  {value}": values[value] for value in ordered}
    return grouped


def _footnote(segments: Mapping[str, Metrics], hidden: Sequence[str]) -> str:
    everything = segments[_ALL]
    skipped = everything["sessions"] - everything["sessions_with_auc"]
    lines = [
        f"Session AUC: mean over sessions, a tie counts one half; {skipped:,} of "
        f"{everything['sessions']:,} sessions have one class only and are skipped.",
        "AUC@10: all positives against the negatives of the model's ten best; a positive below "
        f"them loses. Inside the ten best alone: {_number(everything['auc_at_10_skip'])}.",
        "NDCG: ties share the mean of their places. AUC: all candidates in one pool. "
        "PCOC: predicted over actual positives.",
    ]
    if {"popularity", "oracle"} <= set(everything.get("references", {})):
        lines.append(
            "Popularity and oracle (true probabilities) in session AUC; share of way: how far the "
            "model is from the one to the other."
        )
    if hidden:
        lines.append(f"Left out for want of space: {', '.join(hidden)}.")
    return "\n" + "\n".join(lines)
