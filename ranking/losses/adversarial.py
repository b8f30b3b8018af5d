"""Reward for experts that disagree."""

from typing import Any

from keras import ops


def adversarial(scores: Any, chosen: Any, disagreeing: Any, mask: Any) -> tuple[Any, Any]:
    """Minus the squared distance of chosen experts from others: `(..., K)` -> total, count.

        loss[n] = - sum_{i chosen} sum_{j disagreeing} (scores[n, i] - scores[n, j])^2

    It has no lower bound: only the ranking loss holds the chosen experts back, and nothing the
    others on this input, so its weight must stay small.

    Shapes are written with K = experts.

    Args:
        scores: Float tensor `(..., K)`: what every expert says of an impression, as a logit.
        chosen: Boolean tensor `(..., K)`, or of a shape that broadcasts: the experts of the gate.
        disagreeing: Boolean tensor of the same shape as `chosen`: experts that the gate left out.
        mask: Boolean tensor `(...)`, `True` at impressions that count. What stands elsewhere has no
            influence, on the gradient neither.

    Returns:
        Sum over the impressions that count, and how many they are, both float32 scalars.

    Raises:
        ValueError: If `mask` is not one rank below `scores`, or the others have another rank.

    Example:
    >>> import numpy as np
    >>> total, count = adversarial(
    ...     np.array([[1.0, 2.0, 5.0]]), np.array([[True, True, False]]),
    ...     np.array([[False, False, True]]), np.array([True]))
    >>> float(total), float(count)
    (-25.0, 1.0)

    Reference:
        Adversarial Mixture Of Experts with Category Hierarchy Soft Constraint: the adversarial
        regularization.
    """
    ranks = len(scores.shape), len(chosen.shape), len(disagreeing.shape), len(mask.shape) + 1
    if len(set(ranks)) > 1:
        raise ValueError(
            "`adversarial` takes `scores`, `chosen` and `disagreeing` of shape (..., K) and `mask` "
            f"of shape (...). Received: scores.shape={tuple(scores.shape)}, "
            f"chosen.shape={tuple(chosen.shape)}, disagreeing.shape={tuple(disagreeing.shape)}, "
            f"mask.shape={tuple(mask.shape)}"
        )
    scores = ops.where(ops.expand_dims(mask, -1), ops.cast(scores, "float32"), 0.0)
    # Pair by pair: the expanded square would cancel where experts say nearly the same.
    distance = ops.square(ops.expand_dims(scores, -1) - ops.expand_dims(scores, -2))
    pair = ops.logical_and(ops.expand_dims(chosen, -1), ops.expand_dims(disagreeing, -2))
    total = ops.sum(ops.where(pair, distance, 0.0))
    return ops.negative(total), ops.sum(ops.cast(mask, "float32"))
