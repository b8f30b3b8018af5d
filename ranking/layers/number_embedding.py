"""Vectors for plain numbers."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class NumberEmbedding(keras.layers.Layer):
    """Gives each of N numbers a vector of its own: `(..., N)` -> `(..., N * size)`.

        vector[n] = number[n] * kernel[n] + bias[n]

    A number then is as wide as an id's embedding, so that layers can treat features alike.

    Args:
        size: Width of each vector.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        numbers: Float tensor `(..., N)`.

    Returns:
        Float tensor `(..., N * size)`, the vectors one after the other.

    Raises:
        ValueError: If `size` is below 1.

    Example:
    >>> NumberEmbedding(5)(keras.ops.ones((2, 3))).shape
    TensorShape([2, 15])
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("size", size)
        self.size = size

    def build(self, numbers_shape: Any) -> None:
        shape = (numbers_shape[-1], self.size)
        # Each number's map has one input, whatever the number of numbers.
        scale = keras.initializers.RandomUniform(-1.0, 1.0)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=scale)
        self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros")
        self.built = True

    def call(self, numbers: Any) -> Any:
        vectors = ops.expand_dims(numbers, -1) * self.kernel + self.bias
        outer = ops.shape(numbers)[:-1]
        return ops.reshape(vectors, (*outer, numbers.shape[-1] * self.size))

    def compute_output_shape(self, numbers_shape: Any) -> tuple[int | None, ...]:
        return (*numbers_shape[:-1], numbers_shape[-1] * self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
