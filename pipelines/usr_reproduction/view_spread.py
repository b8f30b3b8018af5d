"""How far views are from each other, against how far they spread within."""

import dataclasses

import numpy as np
import numpy.typing as npt
from sklearn.metrics import pairwise_distances

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class ViewSpread:
    """Distances between the vectors of n impressions in S views.

    Attributes:
        between: Mean distance of two vectors of different views.
        within: Mean distance of two vectors of the same view.
        ratio: Their ratio: 1 where views do not differ, infinite where a view is one point.
        variance: Within a view, the variance of a number of the vector, averaged over all of them.
        shared_variance: The share of that within the variance of all vectors together.
    """

    between: float
    within: float
    ratio: float
    variance: float
    shared_variance: float


def view_spread(views: npt.ArrayLike) -> ViewSpread:
    """Maps views `[n, S, D]` to their spread.

    Raises:
        ValueError: If there are fewer than two impressions or two views.

    Example:
        >>> near = view_spread([[[0.0], [1.0]], [[2.0], [3.0]]])
        >>> near.between, near.within, near.variance
        (1.5, 2.0, 1.0)
    """
    values = np.asarray(views, dtype=np.float64)
    if values.ndim != 3 or min(values.shape[:2]) < 2:
        raise ValueError(
            "`views` must hold at least two impressions in two views, shape [n, S, D]. Received: "
            f"{values.shape}"
        )
    impressions, scenarios, width = values.shape
    flat = values.transpose(1, 0, 2).reshape(-1, width)
    view = np.repeat(np.arange(scenarios), impressions)
    distances = pairwise_distances(flat)
    same = view[:, None] == view[None, :]
    between = float(distances[~same].mean())
    others = same & ~np.eye(len(view), dtype=bool)
    within = float(distances[others].mean())
    variance = float(values.var(axis=0).mean())
    total = float(flat.var(axis=0).mean())
    return ViewSpread(
        between=between,
        within=within,
        ratio=between / within if within else float("inf"),
        variance=variance,
        shared_variance=variance / total if total else float("nan"),
    )
