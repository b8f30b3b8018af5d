"""Sums of experts, weighed by gates."""

from typing import Any

from keras import ops


def mix_experts(weights: Any, experts: Any) -> Any:
    """Adds up experts by the weights of several gates: `(N, G, K)`, `(K, N, D)` -> `(G, N, D)`.

    Shapes: N rows, G gates, K experts, D width. One product per row of all its gates with all its
    experts: two small transposes cost less than a sum over a tensor `(G, K, N, D)`.

    Args:
        weights: What each gate gives to each expert.
        experts: What the experts say.

    Example:
    >>> import numpy as np
    >>> weights = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    >>> mix_experts(weights, np.array([[[2.0, 4.0]], [[4.0, 8.0]]])).numpy().tolist()
    [[[2.0, 4.0]], [[3.0, 6.0]]]
    """
    mixed = ops.matmul(weights, ops.transpose(experts, (1, 0, 2)))
    return ops.transpose(mixed, (1, 0, 2))
