"""What a run took from another as a table for people."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ranking.training.warm_start_report import WarmStartReport


def print_warm_start(console: Console, report: "WarmStartReport") -> None:
    """Prints which rows of every table and which other weights were taken, and why others not."""
    console.print(
        f"Start from {report.run}, {report.model} after step {report.step:,}:",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print(warm_start_table(report))
    for what, fields in (("new", report.new_fields), ("left out", report.old_fields)):
        if fields:
            console.print(f"Inputs {what}: {', '.join(fields)}", highlight=False, markup=False)


def warm_start_table(report: "WarmStartReport") -> Table:
    """A row for each embedding table, one for all other weights, and one for each not taken."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "taken", "of", "there"):
        table.add_column(name, justify="right" if name else "left", overflow="fold")
    table.add_column("", overflow="fold")
    for name, rows in report.tables.items():
        numbers = (f"{number:,}" for number in (rows.taken, rows.rows, rows.old_rows))
        table.add_row(f"rows of {name}", *numbers, rows.reason)
    of_all = len(report.taken) + len(report.skipped)
    table.add_row("other weights", f"{len(report.taken):,}", f"{of_all:,}", "", "")
    for name, reason in report.skipped.items():
        table.add_row(f"  {name}", "", "", "", reason)
    return table
