"""Figure 2b of the USR paper: AUC with parts left out."""

import math
from collections.abc import Mapping
from pathlib import Path

from pipelines.reproduction.figures import (
    INK,
    MEDIUM,
    PALETTE,
    SMALL,
    escaped,
    new_figure,
    save_figure,
    tidy,
)
from ranking.metrics.seed_spread import SeedSpread

_COLUMNS = 2
_MARGIN = 0.25


def ablation_figure(
    panels: Mapping[str, Mapping[str, SeedSpread]], path: Path, *, simulated: bool
) -> None:
    """Draws a panel of bars for each of `panels`: scenario and task -> system -> its AUC.

    Raises:
        ValueError: If there is no panel, or a panel has no bar.
    """
    if not panels or not all(panels.values()):
        raise ValueError(f"`panels` must each hold a bar. Received: {dict(panels)}")
    rows = math.ceil(len(panels) / _COLUMNS)
    note = "Bar: mean over seeds. Line: one standard deviation of the seeds to either side. Axes "
    note += "do not begin at zero."
    title = "AUC of USR around STAR with parts left out"
    figure = new_figure(110 + 260 * rows, title, simulated=simulated, note=note)
    for place, (name, bars) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, min(len(panels), _COLUMNS), place + 1)
        tidy(axes)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
        axes.grid(visible=False, axis="y")
        axes.set_title(escaped(name), fontsize=MEDIUM, color=INK, loc="left")
        means = [bar.mean for bar in bars.values()]
        deviations = [0.0 if math.isnan(bar.sd) else bar.sd for bar in bars.values()]
        places = range(len(bars))
        colors = [PALETTE[number % len(PALETTE)] for number in places]
        axes.barh(places, means, xerr=deviations, color=colors, height=0.66, ecolor=INK)
        names = [escaped(system) for system in bars] if place % _COLUMNS == 0 else []
        axes.set_yticks(places, names or [""] * len(bars), fontsize=SMALL)
        axes.invert_yaxis()
        axes.set_xlim(*_limits(means, deviations))
    save_figure(figure, path)


def _limits(means: list[float], deviations: list[float]) -> tuple[float, float]:
    """Ends of the axis that leave room beside the shortest and the longest bar."""
    low = min(mean - sd for mean, sd in zip(means, deviations, strict=True))
    high = max(mean + sd for mean, sd in zip(means, deviations, strict=True))
    room = _MARGIN * max(high - low, 1e-3)
    return low - room, high + room
