"""Which experts the segments of an evaluation use, in numbers and as a picture."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipelines.reading_order import reading_order
from pipelines.reproduction.figures import (
    FAINT,
    INK,
    MEDIUM,
    SMALL,
    escaped,
    new_figure,
    save_figure,
)
from pipelines.reproduction.session_gates import session_gates
from ranking.metrics.gate_usage import GateUsage, gate_usage
from ranking.training.session_file import SessionFile

ALL = "all"

Row = tuple[str, GateUsage | None]

_MOST_SEGMENTS = 8
_MOST_NUMBERED = 16
_MOST_DEAD = 4
_LABEL_LENGTH = 24
_ROW_HEIGHT = 27
_HEAT_PIXELS = 360
_DIGIT_PIXELS = 6
_CELL: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL}
_NOTE = (
    "Norm: mean length of the gate. Entropy of the shares |g| / sum |g|, from 0 (one expert alone) "
    "to 1 (all alike): mean over sessions, and of the segment's mean shares. "
    "Dead: mean share below 1 %; * below 1 % in every session."
)


@dataclasses.dataclass(frozen=True, eq=False)
class SegmentUse:
    """How the sessions of one segment use the experts.

    Attributes:
        dimension: What sessions are told apart by, for example `history`; `all` for all of them.
        segment: Its name within the dimension, for example `1-3`; `all` for all of them.
        usage: The numbers.
    """

    dimension: str
    segment: str
    usage: GateUsage


def expert_use(sessions: SessionFile) -> list[SegmentUse]:
    """Maps an evaluation to its use of experts: all sessions first, then each dimension's segments.

    Raises:
        ValueError: If the model has no gate, there is no session, or a gate is not finite.
    """
    gates = session_gates(sessions)
    everybody = gate_usage(gates, np.zeros(len(gates), dtype=np.int64))[0]
    uses = [SegmentUse(ALL, ALL, everybody)]
    for dimension in sessions.dimensions:
        names = sessions.column(f"segment.{dimension}").astype(str)
        found, codes = np.unique(names, return_inverse=True)
        by_name = {str(found[code]): use for code, use in gate_usage(gates, codes).items()}
        uses += [
            SegmentUse(dimension, name, by_name[name])
            for name in sorted(by_name, key=reading_order)
        ]
    return uses


def expert_use_figure(uses: Sequence[SegmentUse], path: Path, *, simulated: bool) -> None:
    """Draws the mean activation of each expert by each segment, and beside it how they are used.

    A dimension shows its eight largest segments.

    Args:
        uses: What `expert_use` gave.
        path: The PNG file.
        simulated: Whether the title must say that the data are simulated.

    Raises:
        ValueError: If there is nothing to draw.
    """
    if not uses:
        raise ValueError("`uses` must hold at least one segment. Received: none")
    rows = _rows(uses)
    height = 130 + _ROW_HEIGHT * len(rows)
    figure = new_figure(height, "Mean activation of experts", simulated=simulated, note=_NOTE)
    heat, beside = figure.subplots(1, 2, sharey=True, width_ratios=(1.0, 0.95))
    _draw_heat(figure, heat, rows)
    _write_table(beside, rows)
    save_figure(figure, path)


def _rows(uses: Sequence[SegmentUse]) -> list[Row]:
    """From top to bottom: `(label, use)`, without a use for the heading of a dimension."""
    rows: list[Row] = []
    for dimension, group in groupby(uses, key=lambda use: use.dimension):
        segments = list(group)
        largest = sorted(segments, key=lambda use: -use.usage.sessions)[:_MOST_SEGMENTS]
        if dimension != ALL:
            cut = f" ({len(largest)} largest of {len(segments)})"
            rows.append((dimension + cut * (len(largest) < len(segments)), None))
        rows += [(_shortened(use.segment), use.usage) for use in segments if use in largest]
    return rows


def _shortened(name: str) -> str:
    return name if len(name) <= _LABEL_LENGTH else name[: _LABEL_LENGTH - 1] + "…"


def _draw_heat(figure: Figure, axes: Axes, rows: Sequence[Row]) -> None:
    experts = next(len(usage.mean) for _, usage in rows if usage is not None)
    nothing = np.full(experts, np.nan)
    means = np.stack([nothing if usage is None else usage.mean for _, usage in rows])
    largest = float(np.nanmax(np.abs(means))) or 1.0
    # Gates may be negative; white is 0 either way.
    has_negative = bool(np.nanmin(means) < 0)
    scale = Normalize(-largest if has_negative else 0.0, largest)
    image = axes.imshow(
        means, cmap="PuOr_r" if has_negative else "Blues", norm=scale, aspect="auto"
    )
    bar = figure.colorbar(image, ax=axes, location="left", pad=0.02, aspect=40, fraction=0.04)
    bar.ax.tick_params(labelsize=SMALL, labelcolor=INK)
    bar.outline.set_visible(False)
    step = -(-experts // _MOST_NUMBERED)
    axes.set_xticks(range(0, experts, step), [str(k + 1) for k in range(0, experts, step)])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("expert", fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(rows)), [escaped(label) for label, _ in rows])
    axes.tick_params(length=0, labelsize=MEDIUM, labelcolor=INK)
    for label, (_, usage) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if usage is None else "normal")
    for side in axes.spines.values():
        side.set_visible(False)
    _write_means(axes, means, scale)


def _write_means(axes: Axes, means: npt.NDArray[np.float64], scale: Normalize) -> None:
    """Writes the numbers into their cells, where there is room."""
    largest = float(scale.vmax or 1.0)
    exponent = math.floor(math.log10(largest))
    digits = max(2 - exponent - (exponent < 0), 0)
    cells = {
        # Adding zero makes 0.00 of -0.00.
        (row, column): f"{round(means[row, column], digits) + 0.0:.{digits}f}"
        for row, column in zip(*np.nonzero(~np.isnan(means)), strict=True)
    }
    if means.shape[1] * max(map(len, cells.values())) * _DIGIT_PIXELS > _HEAT_PIXELS:
        return
    for (row, column), text in cells.items():
        color = "white" if abs(means[row, column]) > 0.6 * largest else INK
        axes.text(column, row, text, color=color, **_CELL)


def _write_table(axes: Axes, rows: Sequence[Row]) -> None:
    axes.axis("off")
    axes.set_xlim(0, 1)
    for place, title, _ in _COLUMNS:
        axes.text(place, -0.75, title, ha="right", va="bottom", fontsize=SMALL, color=FAINT)
    for row, (_, usage) in enumerate(rows):
        if usage is not None:
            for place, _, cell in _COLUMNS:
                axes.text(
                    place, row, cell(usage), ha="right", va="center", fontsize=MEDIUM, color=INK
                )


def _dead(usage: GateUsage) -> str:
    """The experts with a mean share below 1 %, a star where that holds in every session."""
    dead = np.flatnonzero(usage.dead_on_average)
    if len(dead) > _MOST_DEAD:
        return f"{len(dead)} of {len(usage.mean)}"
    return ", ".join(f"{k + 1}{'*' * int(usage.dead_everywhere[k])}" for k in dead) or "none"


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"


_COLUMNS: tuple[tuple[float, str, Callable[[GateUsage], str]], ...] = (
    (0.18, "sessions", lambda usage: f"{usage.sessions:,}"),
    (0.34, "norm", lambda usage: f"{usage.norm:#.3g}"),
    (0.54, "entropy:\na session", lambda usage: _number(usage.session_entropy)),
    (0.74, "entropy:\nsegment", lambda usage: _number(usage.entropy)),
    (1.0, "dead\nexperts", _dead),
)
