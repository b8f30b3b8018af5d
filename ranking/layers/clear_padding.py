"""Zeros in the place of padding."""

from typing import Any

from keras import ops


def clear_padding(vectors: Any, mask: Any) -> Any:
    """Replaces what stands at padded positions with zeros: `(..., D)`, `(...)` -> `(..., D)`.

    A product with a zero mask is not enough where padding may hold anything: 0 * NaN is NaN, and
    so is its gradient. A selection lets neither values nor gradients through, so it comes first,
    before anything multiplies.

    Args:
        vectors: Float tensor `(..., D)`.
        mask: Boolean tensor `(...)`, `True` at real positions.

    Example:
    >>> import numpy as np
    >>> vectors = np.array([[1.0, 2.0], [np.nan, np.inf]], "float32")
    >>> clear_padding(vectors, np.array([True, False])).numpy().tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """
    return ops.where(ops.expand_dims(mask, -1), vectors, 0.0)
