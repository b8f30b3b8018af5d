"""One vector from several, padding left out."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice
from ranking.layers.clear_padding import clear_padding
from ranking.layers.true_counts import true_counts

_POOLS = ("sum", "mean", "max")


@keras.saving.register_keras_serializable(package="ranking")
class MaskedPooling(keras.layers.Layer):
    """Pools vectors over their second to last axis: `(..., M, D)` -> `(..., D)`.

    Where nothing is valid the result is zeros, for every way of pooling.

    Args:
        pool: `"sum"`, `"mean"` or `"max"`, each over the valid positions.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(..., M, D)`. M may be 0 or unknown.
        mask: Boolean tensor `(..., M)`, `True` at real positions.

    Raises:
        ValueError: If `pool` is another word, or if `mask` is not one rank below `vectors`.

    Example:
    >>> import numpy as np
    >>> vectors = np.array([[[1.0], [3.0], [7.0]]])
    >>> MaskedPooling("mean")(vectors, np.array([[True, True, False]])).numpy().tolist()
    [[2.0]]
    """

    def __init__(self, pool: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("pool", pool, _POOLS)
        self.pool = pool

    def call(self, vectors: Any, mask: Any) -> Any:
        if len(vectors.shape) < 2 or len(mask.shape) != len(vectors.shape) - 1:
            raise ValueError(
                f"{type(self).__name__} takes `vectors` of shape (..., M, D) and `mask` of shape "
                f"(..., M). Received: vectors.shape={tuple(vectors.shape)}, "
                f"mask.shape={tuple(mask.shape)}"
            )
        vectors = clear_padding(vectors, mask)
        if self.pool == "max":
            return _max(vectors, mask)
        total = ops.sum(vectors, axis=-2)
        if self.pool == "sum":
            return total
        count = ops.maximum(true_counts(mask), 1)
        return total / ops.cast(count, total.dtype)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # The pooled axis is gone.

    def compute_output_shape(
        self, vectors_shape: Any, mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*vectors_shape[:-2], vectors_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pool": self.pool}


def _max(vectors: Any, mask: Any) -> Any:
    """Largest valid element of each column, 0 where nothing is valid."""
    valid = ops.expand_dims(mask, -1)
    lowest = -6e4 if keras.backend.standardize_dtype(vectors.dtype) == "float16" else -1e30
    largest = ops.max(ops.where(valid, vectors, lowest), axis=-2, initial=lowest)
    return ops.where(ops.any(valid, axis=-2), largest, 0.0)
