"""Contrastive loss: tell one's own other view from what others look like."""

from typing import Any

from keras import ops

_NEVER = -1e30  # exp of it is 0, and it survives a subtraction, which minus infinity does not


def info_nce(
    anchors: Any,
    positives: Any,
    negatives: Any,
    *,
    anchors_mask: Any,
    negatives_mask: Any,
    positive_in_denominator: bool = True,
) -> tuple[Any, Any]:
    """Sums how badly each anchor picks its positive: `(N, K)` vectors -> total, count.

        loss[n] = -log( exp(a.p) / (exp(a.p) + sum_j exp(a.n_j)) ),   a.p a dot product

    An anchor counts if it is valid and has a valid negative; without a negative there is nothing
    to tell apart. What stands elsewhere has no influence, on the gradient neither.

    Shapes are written with N = anchors, l = negatives per anchor, K = width.

    Args:
        anchors: Float tensor `(N, K)`.
        positives: Float tensor `(N, K)`, the other view of each anchor.
        negatives: Float tensor `(N, l, K)`.
        anchors_mask: Boolean tensor `(N,)`, `True` at valid anchors.
        negatives_mask: Boolean tensor `(N, l)`, `True` at valid negatives.
        positive_in_denominator: Whether `exp(a.p)` is part of the denominator. Without it the
            loss has no lower bound.

    Returns:
        Sum over the anchors that count, and how many they are, both float32 scalars.

    Raises:
        ValueError: If the shapes are not of these ranks.

    Example:
    >>> import numpy as np
    >>> total, count = info_nce(
    ...     np.ones((1, 2)), np.ones((1, 2)), np.ones((1, 3, 2)),
    ...     anchors_mask=np.array([True]), negatives_mask=np.array([[True, True, True]]),
    ... )
    >>> round(float(total), 4), float(count)  # log(4)
    (1.3863, 1.0)

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equation 10.
    """
    _check_shapes(anchors, positives, negatives, anchors_mask, negatives_mask)
    counted = ops.logical_and(anchors_mask, ops.any(negatives_mask, axis=-1))
    compared = ops.logical_and(ops.expand_dims(counted, -1), negatives_mask)
    anchors = _clear(anchors, counted)
    to_positive = ops.sum(anchors * _clear(positives, counted), axis=-1)  # (N,)
    to_negatives = ops.sum(
        ops.expand_dims(anchors, 1) * _clear(negatives, compared), axis=-1
    )  # (N, l)
    terms = ops.where(compared, to_negatives, _NEVER)
    if positive_in_denominator:
        terms = ops.concatenate([ops.expand_dims(to_positive, -1), terms], axis=-1)
    losses = _log_sum_exp(terms) - to_positive
    total = ops.sum(ops.where(counted, losses, 0.0))
    return total, ops.sum(ops.cast(counted, "float32"))


def _check_shapes(
    anchors: Any, positives: Any, negatives: Any, anchors_mask: Any, negatives_mask: Any
) -> None:
    shapes = {
        "anchors": tuple(anchors.shape),
        "positives": tuple(positives.shape),
        "negatives": tuple(negatives.shape),
        "anchors_mask": tuple(anchors_mask.shape),
        "negatives_mask": tuple(negatives_mask.shape),
    }
    if [len(shape) for shape in shapes.values()] != [2, 2, 3, 1, 2]:
        received = ", ".join(f"{name}.shape={shape}" for name, shape in shapes.items())
        raise ValueError(
            "`info_nce` takes `anchors` and `positives` of shape (N, K), `negatives` of shape "
            "(N, l, K), `anchors_mask` of shape (N,) and `negatives_mask` of shape (N, l). "
            f"Received: {received}"
        )


def _clear(vectors: Any, mask: Any) -> Any:
    """Zeros where nothing valid stands, in float32."""
    return ops.where(ops.expand_dims(mask, -1), ops.cast(vectors, "float32"), 0.0)


def _log_sum_exp(terms: Any) -> Any:
    """`log(sum(exp(terms)))` over the last axis, without overflow."""
    largest = ops.stop_gradient(ops.max(terms, axis=-1, keepdims=True, initial=_NEVER))
    total = ops.sum(ops.exp(terms - largest), axis=-1)
    return ops.log(total) + ops.squeeze(largest, -1)
