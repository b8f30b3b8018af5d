"""Gates of a category that stay near the gate of the category above it."""

from typing import Any

from keras import ops


def hierarchical_constraint(child: Any, parent: Any, mask: Any) -> tuple[Any, Any]:
    """Squared distance of gate logits: `(..., K)`, `(..., K)` -> total, count.

        loss[n] = sum_k (child[n, k] - parent[n, k])^2

    Categories under one parent are drawn to one gate, so a small category uses experts that its
    larger relatives have trained.

    Shapes are written with K = experts.

    Args:
        child: Float tensor `(..., K)`: logits of the category's gate, without noise.
        parent: Float tensor `(..., K)`: those of the gate of the category above it.
        mask: Boolean tensor `(...)`, `True` at rows that count. What stands elsewhere has no
            influence, on the gradient neither.

    Returns:
        Sum over the rows that count, and how many they are, both float32 scalars.

    Raises:
        ValueError: If the shapes are not of these ranks.

    Example:
    >>> import numpy as np
    >>> total, count = hierarchical_constraint(
    ...     np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]), np.array([True]))
    >>> float(total), float(count)
    (9.0, 1.0)

    Reference:
        Adversarial Mixture Of Experts with Category Hierarchy Soft Constraint: the hierarchical
        soft constraint.
    """
    if not len(child.shape) == len(parent.shape) == len(mask.shape) + 1:
        raise ValueError(
            "`hierarchical_constraint` takes `child` and `parent` of shape (..., K) and `mask` of "
            f"shape (...). Received: child.shape={tuple(child.shape)}, "
            f"parent.shape={tuple(parent.shape)}, mask.shape={tuple(mask.shape)}"
        )
    distance = ops.cast(child, "float32") - ops.cast(parent, "float32")
    distance = ops.where(ops.expand_dims(mask, -1), distance, 0.0)
    return ops.sum(ops.square(distance)), ops.sum(ops.cast(mask, "float32"))
