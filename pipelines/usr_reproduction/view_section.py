"""The section of the report on views: Figure 2a, and the variance within views over training."""

import dataclasses
from pathlib import Path
from typing import Any

from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from pipelines.reproduction.number_words import number
from pipelines.reproduction.page import Block, Picture, Section, Table, Text
from pipelines.reproduction.report_figures import Figure
from pipelines.usr_reproduction.curve_figures import Curve, curve_figure
from pipelines.usr_reproduction.usr_systems import CENTER, NO_CONTRAST
from pipelines.usr_reproduction.usr_words import VARIANCE_WORDS, VIEW_WORDS
from pipelines.usr_reproduction.view_figure import view_figure
from pipelines.usr_reproduction.view_history import VARIANCES, variance_curve
from pipelines.usr_reproduction.view_samples import ViewSample, view_sample
from pipelines.usr_reproduction.view_spread import ViewSpread, view_spread

SHOWN = {CENTER: "with contrast", NO_CONTRAST: "without contrast"}


def view_section(systems: EvaluatedSystems, data: Path, path: Path) -> Figure | None:
    """Figure 2a; `None` without trained runs, or without the data that they are shown."""
    samples = _samples(systems, data)
    if not samples:
        return None
    view_figure(samples, path, simulated=systems.simulated)
    spreads = {
        name: {kind: view_spread(views) for kind, views in sample.views.items()}
        for name, sample in samples.items()
    }
    picture = Picture(path, "Views of interests and features in three dimensions")
    blocks: list[Block] = [Text(VIEW_WORDS), picture, _spread_table(spreads)]
    numbers = {
        name: {kind: dataclasses.asdict(spread) for kind, spread in by_kind.items()}
        for name, by_kind in spreads.items()
    }
    return Figure(Section("Figure 2a: the views", blocks), numbers)


def variance_section(systems: EvaluatedSystems, path: Path) -> Figure | None:
    """The variance within views by epoch; `None` where no run has noted it."""
    panels: dict[str, list[Curve]] = {}
    for name, title in VARIANCES.items():
        curves = [
            curve
            for system, words in SHOWN.items()
            if system in systems.runs
            if (curve := variance_curve(list(systems.runs[system].values()), name, words))
        ]
        if curves:
            panels[title] = curves
    if not panels:
        return None
    curve_figure(
        panels,
        path,
        title="Variance within a view, by epoch",
        x_label="epoch",
        y_label="variance",
        simulated=systems.simulated,
        note="Dot: mean over seeds. Line: from the smallest to the largest seed.",
        zero_line=True,
    )
    picture = Picture(path, "Variance of interests and features within a view by epoch")
    blocks: list[Block] = [Text(VARIANCE_WORDS), picture, _variance_table(panels)]
    numbers: dict[str, Any] = {
        title: {curve.title: list(curve.y) for curve in curves} for title, curves in panels.items()
    }
    return Figure(Section("Variance within views", blocks), numbers)


def _samples(systems: EvaluatedSystems, data: Path) -> dict[str, ViewSample]:
    """What the first run of each system shows, of those whose weights are there."""
    from ranking.features.prepared_data import find_prepared

    samples: dict[str, ViewSample] = {}
    prepared = find_prepared(data)
    if prepared is None:
        return samples
    for system, title in SHOWN.items():
        runs = systems.runs.get(system)
        folder = next(iter(runs.values())).folder if runs else None
        if folder and (folder / "checkpoints").is_dir():
            samples[title] = view_sample(folder, prepared)
    return samples


def _spread_table(spreads: dict[str, dict[str, ViewSpread]]) -> Table:
    rows = [
        [
            name,
            kind,
            number(spread.between, 3),
            number(spread.within, 3),
            number(spread.ratio, 2),
            number(spread.variance),
        ]
        for name, by_kind in spreads.items()
        for kind, spread in by_kind.items()
    ]
    header = ["Model", "Views of", "Distance between views", "within a view", "Ratio", "Variance"]
    return Table(header, rows, numbers_from=2)


def _variance_table(panels: dict[str, list[Curve]]) -> Table:
    rows = [
        [curve.title, title, *(number(value) for value in (curve.y[0], min(curve.y), curve.y[-1]))]
        for title, curves in panels.items()
        for curve in curves
    ]
    return Table(["Model", "Views of", "First epoch", "Smallest", "Last epoch"], rows, 2)
