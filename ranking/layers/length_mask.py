"""Masks from lengths."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ranking")
class LengthMask(keras.layers.Layer):
    """Marks the positions before each length: `(B,)` or `(B, C)` lengths -> `(..., T)` mask.

    Sequences are padded at their end, so a length says everything about a mask. This layer is
    the place where masks are made; what reads them takes them by name.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        lengths: Integer tensor of rank R.
        reference: Tensor of rank R + 1 or more. Its axis R gives the padded length T, nothing
            else of it is read.

    Returns:
        Boolean tensor of rank R + 1, `True` where position < length.

    Raises:
        ValueError: If `reference` has no axis to take the padded length from.

    Example:
    >>> import numpy as np
    >>> LengthMask()(np.array([0, 2]), np.zeros((2, 3))).numpy().astype(int).tolist()
    [[0, 0, 0], [1, 1, 0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        # The reference may hold ids, and its values do not matter: nothing to cast.
        super().__init__(**{"autocast": False, **kwargs})

    def build(self, lengths_shape: Any, reference_shape: Any) -> None:
        if len(reference_shape) <= len(lengths_shape):
            raise ValueError(
                f"{type(self).__name__} takes the padded length from the axis of `reference` that "
                "follows the axes of `lengths`, so `reference` must have a higher rank. Received: "
                f"lengths.shape={tuple(lengths_shape)}, reference.shape={tuple(reference_shape)}"
            )
        self.built = True

    def call(self, lengths: Any, reference: Any) -> Any:
        positions = ops.arange(ops.shape(reference)[len(lengths.shape)], dtype="int32")
        return positions < ops.cast(ops.expand_dims(lengths, -1), "int32")

    def compute_output_spec(self, lengths: Any, reference: Any) -> keras.KerasTensor:
        rank = len(lengths.shape)
        return keras.KerasTensor((*lengths.shape, reference.shape[rank]), dtype="bool")
