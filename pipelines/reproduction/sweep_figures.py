"""Figure 8 of the AW-MoE paper: a metric over the values of one setting at a time."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.reproduction.figures import (
    INK,
    MEDIUM,
    PALETTE,
    escaped,
    new_figure,
    save_figure,
    tidy,
)

Panel = Mapping[float, Sequence[float]]

_DOTS, _MEAN, _CHOICE = PALETTE[5], PALETTE[0], PALETTE[1]
_COLUMNS = 3
_SIDE = 0.1


def sweep_figure(
    sweeps: Mapping[str, Mapping[float, Sequence[float]]],
    center: Mapping[str, float],
    path: Path,
    *,
    metric: str,
    simulated: bool,
) -> None:
    """Draws one panel for each setting: its values, evenly spaced, against the metric.

    A dot is one run, the line joins the means, and the bars are one standard deviation of a value's
    runs to either side where there are several. All panels have one scale.

    Args:
        sweeps: Setting -> value -> the metric of each run, in any order of the values.
        center: Setting -> the paper's choice, marked where it was swept.
        path: The PNG file.
        metric: What the vertical axis says.
        simulated: Whether the title must say that the data are simulated.

    Raises:
        ValueError: If there is no setting, a value has no run, or a metric is not finite.
    """
    _check(sweeps)
    figure = new_figure(
        90 + 290 * math.ceil(len(sweeps) / _COLUMNS),
        f"{metric}, one setting varied at a time",
        simulated=simulated,
        note=_note(sweeps, center),
    )
    axes: Axes | None = None
    for number, (setting, panel) in enumerate(sweeps.items()):
        axes = _add_panel(figure, len(sweeps), number, axes)
        _name_values(axes, setting, panel, center.get(setting))
        _draw_runs(axes, panel)
        if number % _COLUMNS == 0:
            axes.set_ylabel(escaped(metric), fontsize=MEDIUM, color=INK)
    save_figure(figure, path)


def _check(sweeps: Mapping[str, Panel]) -> None:
    if not sweeps:
        raise ValueError("`sweeps` must hold at least one setting. Received: none")
    for setting, panel in sweeps.items():
        if not panel:
            raise ValueError(f"`sweeps[{setting!r}]` must hold at least one value. Received: none")
        for value, runs in panel.items():
            if not len(runs) or not all(map(math.isfinite, runs)):
                raise ValueError(
                    f"`sweeps[{setting!r}][{value}]` must hold the finite metric of at least one "
                    f"run. Received: {list(runs)}. Leave out runs that failed."
                )


def _add_panel(figure: Figure, count: int, number: int, before: Axes | None) -> Axes:
    """Adds a panel with the vertical scale of the one before."""
    rows, columns = math.ceil(count / _COLUMNS), min(count, _COLUMNS)
    axes = figure.add_subplot(rows, columns, number + 1, sharey=before)
    tidy(axes)
    axes.tick_params(labelleft=number % _COLUMNS == 0)
    return axes


def _name_values(axes: Axes, setting: str, panel: Panel, choice: float | None) -> None:
    """Spaces the values evenly, and marks the paper's."""
    values = sorted(panel)
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)
    name = setting.replace("_", " ")
    if choice in values:
        place = values.index(choice)
        axes.axvspan(place - 0.5, place + 0.5, facecolor=_CHOICE, alpha=0.13, linewidth=0)
    elif choice is not None:
        name += f" (paper: {choice:g}, not tried)"
    axes.set_xlabel(escaped(name), fontsize=MEDIUM, color=INK)


def _draw_runs(axes: Axes, panel: Panel) -> None:
    runs_of = [np.asarray(panel[value], dtype=np.float64) for value in sorted(panel)]
    means = [float(runs.mean()) for runs in runs_of]
    axes.plot(means, color=_MEAN, linewidth=1.8, marker="_", markersize=13, zorder=3)
    for place, runs in enumerate(runs_of):
        # Side by side, so that runs with the same metric are told apart.
        aside = _SIDE * (np.arange(len(runs)) - (len(runs) - 1) / 2)
        axes.scatter(place + aside, runs, s=22, color=_DOTS, zorder=2, linewidths=0)
        if len(runs) > 1:
            axes.errorbar(
                place,
                means[place],
                yerr=runs.std(ddof=1),
                color=_MEAN,
                elinewidth=1.2,
                capsize=3,
                zorder=3,
            )


def _note(sweeps: Mapping[str, Panel], center: Mapping[str, float]) -> str:
    note = "Dot: one run. Line: mean."
    if any(len(runs) > 1 for panel in sweeps.values() for runs in panel.values()):
        note += " Bar: one standard deviation of the runs to either side."
    if any(center.get(setting) in panel for setting, panel in sweeps.items()):
        note += " Shaded: the paper's choice."
    return note
