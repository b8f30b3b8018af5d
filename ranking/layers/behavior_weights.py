"""From the activation unit's scores to how much each behavior counts."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice
from ranking.layers.true_counts import true_counts

_NORMALIZATIONS = ("none", "softmax")
_SCALES = ("none", "sqrt_length")

# Weighted sums over raw scores grow with the history. At a tenth of a Glorot draw a history of
# dozens of behaviors starts out about as large as a single vector, and the gradients of the
# hidden layers are a tenth of the usual, which an optimizer that adapts its step size undoes.
ACTIVATION_UNIT_SCALE = 0.1


def check_weight_options(prefix: str, normalization: str, scale: str) -> None:
    """Refuses ways of weighting that do not exist or do not go together.

    Args:
        prefix: What the layer puts before the names `normalization` and `scale` of its arguments.

    Raises:
        ValueError: If a word is unknown, or if both ways of taming long histories are asked for.
    """
    check_choice(f"{prefix}normalization", normalization, _NORMALIZATIONS)
    check_choice(f"{prefix}scale", scale, _SCALES)
    if normalization == "softmax" and scale != "none":
        raise ValueError(
            f"`{prefix}scale` must be 'none' with `{prefix}normalization='softmax'`, whose weights "
            f"already sum to one. Received: {prefix}scale={scale!r}"
        )


def behavior_weights(scores: Any, mask: Any, normalization: str, scale: str) -> Any:
    """Makes weights of scores, zero at padding: `(B, T)` or `(B, C, T)` -> the same shape.

    Args:
        scores: Float tensor, finite also at padding.
        mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        normalization: `"none"` keeps the scores, `"softmax"` makes the weights of a session sum
            to one, or to zero in a session without behaviors.
        scale: `"none"`, or `"sqrt_length"` to divide by the square root of the number of
            behaviors.

    Example:
    >>> import numpy as np
    >>> mask = np.array([[True, True, False], [False, False, False]])
    >>> behavior_weights(np.zeros((2, 3), "float32"), mask, "softmax", "none").numpy().tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    if len(scores.shape) == 3:
        mask = ops.expand_dims(mask, 1)
    if normalization == "softmax":
        scores = _masked_softmax(scores, mask)
    weights = ops.where(mask, scores, 0.0)
    if scale == "sqrt_length":
        length = ops.maximum(true_counts(mask), 1)
        weights = weights / ops.sqrt(ops.cast(length, weights.dtype))
    return weights


def weighted_sum(weights: Any, behaviors: Any) -> Any:
    """Sums behaviors by weights: `(B, T)`, `(B, T, D)` -> `(B, D)`.

    Weights `(B, C, T)`, one set per candidate, give `(B, C, D)`.
    """
    if len(weights.shape) == 3:
        return ops.matmul(weights, behaviors)
    return ops.squeeze(ops.matmul(ops.expand_dims(weights, 1), behaviors), 1)


def _masked_softmax(scores: Any, mask: Any) -> Any:
    """Softmax over the `True` positions of the last axis, uniform where there is none."""
    # keras.ops.softmax warns about an axis of length 1, which a history may well have.
    lowest = -6e4 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -1e30
    scores = ops.where(mask, scores, lowest)
    largest = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True, initial=lowest))
    exponentials = ops.exp(scores - largest)
    return exponentials / ops.sum(exponentials, axis=-1, keepdims=True)
