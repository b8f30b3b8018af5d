"""Measures of training as Markdown, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.training_measure import Measure

_TITLES = {
    "step": "The training step",
    "history": "Long histories",
    "tables": "Large tables",
    "pipeline": "Records to encoded batches",
    "preparation": "Parquet to records",
    "evaluation": "Evaluation",
    "run": "Training from records",
}


def training_markdown(document: Mapping[str, Any]) -> str:
    """The report of `bench_training` -> a table per part."""
    machine, flags = document["machine"], document["flags"]
    lines = [
        "# What training costs",
        "",
        f"Simulated sessions of {flags['candidates']} candidates and {flags['behaviors']} "
        f"behaviors; a step takes about {flags['impressions']} impressions. AW-MoE with vectors 32 "
        "wide and 4 experts 128-64-1. Medians with quartiles: ways of doing the same thing took "
        f"turns, {flags['repetitions']} times each. `a : b` says how many times a is b. Where the "
        "session layout is compared like with like it trains with the ranking loss alone, as flat "
        "rows and other packages always do; everywhere else it trains with all of its losses, the "
        f"contrastive term included. {_parts_words(flags['batch_parts'])}",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, TensorFlow "
        f"{machine['tensorflow']}; load before the measurement "
        f"{' '.join(map(str, machine['load_before']))}.",
    ]
    for part, measures in document["parts"].items():
        lines += ["", f"## {_TITLES[part]}", "", *_rows(measures)]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """Four digits, and thousands with commas.

    Example:
    >>> [number(value) for value in (1234567.0, 0.61803, 12.3, 0.0)]
    ['1,234,567', '0.618', '12.3', '0']
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def quartiles(measure: Measure) -> str:
    """What half of the repetitions lie between; nothing where all are the same.

    Example:
    >>> quartiles(Measure("step", "ms", 23.0, 21.0, 28.5))
    '21 to 28.5'
    """
    is_spread = measure.low != measure.high
    return f"{number(measure.low)} to {number(measure.high)}" if is_spread else ""


def _parts_words(parts: int) -> str:
    if parts == 1:
        return "Its batches are computed whole."
    return f"Its batches are computed in {parts} parts side by side, the cores shared among them."


def _rows(measures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| | median | quartiles | unit | goal |"
    yield "|---|---|---|---|---|"
    for each in (Measure(**fields) for fields in measures):
        cells = (each.name, number(each.median), quartiles(each), each.unit, each.goal)
        yield f"| {' | '.join(cells)} |"
