"""The common style of the figures: size, colors, title, and how a picture gets to its file.

Figures are made without `pyplot`, which would keep them all and choose a backend for everybody.
"""

import io
import os
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave

# Okabe and Ito's colors, which people with any common color vision tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, FAINT = "#222222", "#8a8a8a"
SMALL, MEDIUM, LARGE = 8.0, 9.5, 11.0

_WIDTH_PIXELS = 900
_TITLE_LENGTH, _NOTE_LENGTH = 88, 145
_DOTS_PER_INCH = 100


def new_figure(height: int, title: str, *, simulated: bool, note: str = "") -> Figure:
    """An empty figure, 900 pixels wide, that arranges what is put into it.

    Args:
        height: Its height in pixels.
        title: Above everything; a long one takes several lines.
        simulated: Whether the title must say that the data are simulated.
        note: Below everything, small: how to read the figure; each line is a paragraph.
    """
    size = (_WIDTH_PIXELS / _DOTS_PER_INCH, height / _DOTS_PER_INCH)
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained", facecolor="white")
    if simulated:
        title += " (simulated data)"
    lines = textwrap.fill(title, _TITLE_LENGTH)
    style: dict[str, Any] = {"x": 0.012, "ha": "left", "linespacing": 1.35}
    figure.suptitle(escaped(lines), fontsize=LARGE, fontweight="bold", color=INK, **style)
    if note:
        lines = "\n".join(textwrap.fill(line, _NOTE_LENGTH) for line in note.splitlines())
        figure.supxlabel(escaped(lines), fontsize=SMALL, color="#555555", **style)
    return figure


def tidy(axes: Axes) -> None:
    """Gives axes thin gray lines, small numbers, and no frame but left and below."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#b0b0b0")
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color="#b0b0b0", length=3)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)


def escaped(text: str) -> str:
    """Text that is drawn as it stands: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all; the same figure gives the same bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="raw", dpi="figure")
    width, height = figure.canvas.get_width_height()
    colors = np.frombuffer(drawn.getbuffer(), dtype=np.uint8).reshape(height, width, 4)[..., :3]
    colors = _with_simple_edges(colors)
    # Without the drawing program's name, a new version of it does not change the file.
    metadata: dict[str, Any] = {"Software": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    try:
        imsave(temporary, colors, format="png", metadata=metadata, pil_kwargs={"optimize": True})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _with_simple_edges(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Leaves areas as they are, and the edges of letters and lines six shades of each color.

    The picture `[height, width, 3]` looks the same, in half the bytes.
    """
    like_next = (colors[:, 1:] == colors[:, :-1]).all(axis=-1, keepdims=True)
    is_area = np.pad(like_next, ((0, 0), (1, 0), (0, 0))) | np.pad(
        like_next, ((0, 0), (0, 1), (0, 0))
    )
    return np.where(is_area, colors, np.round(colors / 51.0) * 51).astype(np.uint8)
