"""Curves with intervals, one panel for each scenario and task."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.reproduction.figures import (
    FAINT,
    INK,
    MEDIUM,
    PALETTE,
    SMALL,
    escaped,
    new_figure,
    save_figure,
    tidy,
)

_COLUMNS = 2
_MARKERS = ("o", "s", "^", "D", "v", "P")
_SIDE = 0.012


@dataclasses.dataclass(frozen=True)
class Curve:
    """A line through points.

    Attributes:
        title: What the legend calls it.
        x: Where the points are.
        y: How high they are.
        low: Lower ends of their intervals; NaN where a point has none.
        high: Upper ends.
    """

    title: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def curve_figure(
    panels: Mapping[str, Sequence[Curve]],
    path: Path,
    *,
    title: str,
    x_label: str,
    y_label: str,
    simulated: bool,
    note: str,
    evenly_spaced: bool = False,
    zero_line: bool = False,
) -> None:
    """Draws a panel for each of `panels`, in two columns.

    Args:
        panels: Title -> its curves; a curve has the same color in all.
        path: The PNG file.
        title: Above the figure.
        x_label: Below each panel.
        y_label: Beside each row of panels.
        simulated: Whether the title must say that the data are simulated.
        note: How to read the figure.
        evenly_spaced: Whether all values of x are equally far apart, whatever their size.
        zero_line: Whether zero is marked.

    Raises:
        ValueError: If there is no panel, or a panel has no point.
    """
    _check(panels)
    rows = math.ceil(len(panels) / _COLUMNS)
    figure = new_figure(110 + 270 * rows, title, simulated=simulated, note=note)
    colors = _colors(panels)
    for place, (name, curves) in enumerate(panels.items()):
        axes = _add_panel(figure, (rows, min(len(panels), _COLUMNS)), place, name)
        places = _ticks(curves)
        ticks = places if evenly_spaced else []
        for curve in curves:
            _draw(axes, curve, colors[curve.title], ticks, _span(curves))
        if ticks:
            axes.set_xticks(range(len(ticks)), [f"{value:g}" for value in ticks])
        elif len(places) == 1:  # Else the axis would show the little that curves are apart.
            axes.set_xticks(places)
            axes.set_xlim(places[0] - 0.5, places[0] + 0.5)
        if zero_line:
            axes.axhline(0.0, color=FAINT, linewidth=1.0, zorder=1)
        axes.set_xlabel(escaped(x_label), fontsize=SMALL, color=INK)
        if place % _COLUMNS == 0:
            axes.set_ylabel(escaped(y_label), fontsize=SMALL, color=INK)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", ncols=4, fontsize=SMALL, frameon=False
    )
    save_figure(figure, path)


def _check(panels: Mapping[str, Sequence[Curve]]) -> None:
    if not panels:
        raise ValueError("`panels` must hold at least one panel. Received: none")
    for name, curves in panels.items():
        if not curves or not all(len(curve.x) for curve in curves):
            raise ValueError(
                f"`panels[{name!r}]` must hold curves of at least one point each. Received: "
                f"{[len(curve.x) for curve in curves]} points. Leave out what has none."
            )


def _colors(panels: Mapping[str, Sequence[Curve]]) -> dict[str, int]:
    titles = dict.fromkeys(curve.title for curves in panels.values() for curve in curves)
    return {title: number for number, title in enumerate(titles)}


def _add_panel(figure: Figure, shape: tuple[int, int], place: int, name: str) -> Axes:
    axes = figure.add_subplot(*shape, place + 1)
    tidy(axes)
    axes.set_title(escaped(name), fontsize=MEDIUM, color=INK, loc="left")
    return axes


def _ticks(curves: Sequence[Curve]) -> list[float]:
    return sorted({float(x) for curve in curves for x in curve.x})


def _span(curves: Sequence[Curve]) -> float:
    places = _ticks(curves)
    return places[-1] - places[0] if len(places) > 1 else 1.0


def _draw(axes: Axes, curve: Curve, number: int, ticks: Sequence[float], span: float) -> None:
    order = np.argsort(np.asarray(curve.x, dtype=np.float64))
    x, y, low, high = (
        np.asarray(values, dtype=np.float64)[order]
        for values in (curve.x, curve.y, curve.low, curve.high)
    )
    if ticks:
        x, span = np.searchsorted(ticks, x).astype(np.float64), len(ticks) - 1.0
    x = x + _SIDE * span * number  # Side by side, so that intervals do not hide each other.
    style = PALETTE[number % len(PALETTE)]
    axes.plot(
        x,
        y,
        color=style,
        marker=_MARKERS[number % len(_MARKERS)],
        markersize=4.5,
        linewidth=1.6,
        label=escaped(curve.title),
    )
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        axes.vlines(x[known], low[known], high[known], color=style, linewidth=1.2)
