"""Sigmoid cross-entropy over the candidates of sessions."""

from typing import Any

from keras import ops


def ranking_loss(logits: Any, labels: Any, lengths: Any) -> tuple[Any, Any]:
    """Sums the cross-entropy of valid candidates: `(B, C)` logits and labels -> total, count.

    The mean over a global batch is the sum of the totals over the sum of the counts, however the
    batch was cut into parts. What stands at padded candidates has no influence, on the gradient
    neither.

    Args:
        logits: Float tensor `(B, C)`.
        labels: Tensor `(B, C)` of numbers from 0 to 1.
        lengths: Integer tensor `(B,)`, the number of candidates of each session.

    Returns:
        Sum over the valid candidates, and how many there are, both float32 scalars.

    Raises:
        ValueError: If the shapes are not of these ranks.

    Example:
    >>> import numpy as np
    >>> logits = np.array([[0.0, np.nan]], "float32")
    >>> total, count = ranking_loss(logits, np.array([[1, 0]]), np.array([1]))
    >>> round(float(total), 4), float(count)
    (0.6931, 1.0)

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equation 1.
    """
    ranks = len(logits.shape), len(labels.shape), len(lengths.shape)
    if ranks != (2, 2, 1):
        raise ValueError(
            "`ranking_loss` takes `logits` and `labels` of shape (B, C) and `lengths` of shape "
            f"(B,). Received: logits.shape={tuple(logits.shape)}, "
            f"labels.shape={tuple(labels.shape)}, lengths.shape={tuple(lengths.shape)}"
        )
    positions = ops.arange(ops.shape(logits)[1], dtype="int32")
    mask = positions < ops.cast(ops.expand_dims(lengths, -1), "int32")
    logits = ops.where(mask, ops.cast(logits, "float32"), 0.0)
    labels = ops.where(mask, ops.cast(labels, "float32"), 0.0)
    # softplus(-x) is -log(sigmoid(x)) and softplus(x) is -log(1 - sigmoid(x)), for any x.
    losses = labels * ops.softplus(-logits) + (1.0 - labels) * ops.softplus(logits)
    total = ops.sum(ops.where(mask, losses, 0.0))
    return total, ops.sum(ops.cast(mask, "float32"))
