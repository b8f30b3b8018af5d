"""Figure 2a of the USR paper: views of interests and features in three dimensions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from pipelines.reproduction.figures import (
    INK,
    MEDIUM,
    PALETTE,
    SMALL,
    escaped,
    new_figure,
    save_figure,
)
from pipelines.usr_reproduction.view_samples import FEATURES, INTERESTS, ViewSample

Array = npt.NDArray[np.float64]

_KINDS = {INTERESTS: "interests", FEATURES: "features"}
_PERPLEXITY = 30.0


def view_figure(samples: Mapping[str, ViewSample], path: Path, *, simulated: bool) -> None:
    """Draws a column for each of `samples`: interests above, features below, colored by view.

    Each panel is a t-SNE of its own, so places and distances compare within a panel alone.

    Args:
        samples: What a model is called -> its views.
        path: The PNG file.
        simulated: Whether the title must say that the data are simulated.

    Raises:
        ValueError: If there is no sample.
    """
    if not samples:
        raise ValueError("`samples` must hold at least one. Received: none")
    note = (
        "A dot is a test impression in one view (t-SNE in three dimensions, each panel by itself). "
        "The contrastive losses shall set views apart."
    )
    title = "Views of user interests and of scenario-agnostic features"
    figure = new_figure(860, title, simulated=simulated, note=note)
    for column, (name, sample) in enumerate(samples.items()):
        for row, (kind, words) in enumerate(_KINDS.items()):
            if kind in sample.views:
                place = row * len(samples) + column + 1
                axes: Any = figure.add_subplot(2, len(samples), place, projection="3d")
                axes.set_title(escaped(f"{words}, {name}"), fontsize=MEDIUM, color=INK)
                _draw(axes, sample, kind)
                if place == 1:
                    axes.legend(fontsize=SMALL, frameon=False, loc="upper left")
    save_figure(figure, path)


def _draw(axes: Any, sample: ViewSample, kind: str) -> None:
    places = view_places(sample.views[kind])
    for number, scenario in enumerate(sample.scenarios):
        x, y, z = places[:, number].T
        color = PALETTE[number % len(PALETTE)]
        axes.scatter(x, y, z, s=12, color=color, alpha=0.75, linewidths=0, label=escaped(scenario))
    axes.tick_params(labelbottom=False, labelleft=False)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_ticklabels([])


def view_places(views: Array, seed: int = 0) -> Array:
    """Maps views `[n, S, D]` to places in space `[n, S, 3]`, near ones close together."""
    impressions, scenarios, width = views.shape
    points = views.reshape(-1, width)
    scale = float(np.abs(points).max()) or 1.0
    # Copies of one point would make the start of t-SNE ill-defined.
    points = points / scale + np.random.default_rng(seed).normal(scale=1e-6, size=points.shape)
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    start = "pca" if min(points.shape) >= 3 else "random"
    # The approximation that many points would need is slower for these few in three dimensions.
    found = TSNE(
        n_components=3, perplexity=perplexity, init=start, random_state=seed, method="exact"
    )
    places: Array = found.fit_transform(points).reshape(impressions, scenarios, 3)
    return places.astype(np.float64)
