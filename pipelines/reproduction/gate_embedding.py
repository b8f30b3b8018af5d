"""Gate outputs in two dimensions."""

import dataclasses

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

Array = npt.NDArray[np.float64]

_DIGITS = 5
_PERPLEXITY = 30.0
_LEAST_GATES = 5


@dataclasses.dataclass(frozen=True, eq=False)
class GateEmbedding:
    """Places of the D distinct gates of n sessions.

    Attributes:
        places: `[D, 2]`.
        gate_of: `[n]` int64, the row of `places` that a session's gate has.
        method: `"t-SNE"` or `"principal components"`.
    """

    places: Array
    gate_of: npt.NDArray[np.int64]
    method: str


def embed_gates(gates: Array, seed: int) -> GateEmbedding:
    """Maps gates `[n, K]` to places in the plane, those that are near each other close together.

    Gates that agree to five digits of the largest are one, for t-SNE cannot place many copies of a
    point, and sessions without behaviors may all have the same gate. Fewer than five distinct
    gates, or a single expert, give t-SNE nothing to do: their principal components are the places.
    """
    scale = float(np.abs(gates).max()) or 1.0
    _, first, gate_of = np.unique(
        np.round(gates / scale, _DIGITS), axis=0, return_index=True, return_inverse=True
    )
    distinct, gate_of = gates[first] / scale, gate_of.reshape(-1).astype(np.int64)
    if len(distinct) < _LEAST_GATES or gates.shape[1] == 1:
        return GateEmbedding(_principal_components(distinct), gate_of, "principal components")
    perplexity = min(_PERPLEXITY, (len(distinct) - 1) / 3)
    places = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(distinct)
    return GateEmbedding(places.astype(np.float64), gate_of, "t-SNE")


def _principal_components(points: Array) -> Array:
    """Points `[D, K]` -> their first two components `[D, 2]`, zero where there are fewer."""
    left, sizes, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    components = (left * sizes)[:, :2]
    return np.pad(components, ((0, 0), (0, 2 - components.shape[1])))
