"""Queries, keys and values of a sequence."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class AttentionProjections(keras.layers.Layer):
    """Projects vectors for attention: `(..., d)` -> `(..., 4 d)`, or `(..., 2 d)`.

    Args:
        size: Width d.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(..., d)`.
        attends: Whether the vectors attend to others, and not only are attended to.

    Returns:
        Float tensor with keys and values side by side; where the vectors attend, with queries and
        the vectors themselves behind.

    Raises:
        ValueError: If `size` is below 1.

    Example:
    >>> projections = AttentionProjections(3)
    >>> vectors = keras.ops.ones((2, 5, 3))
    >>> projections(vectors).shape, projections(vectors, attends=False).shape
    (TensorShape([2, 5, 12]), TensorShape([2, 5, 6]))
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("size", size)
        self.size = size

    def build(self, vectors_shape: Any) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(vectors_shape[-1], 3 * self.size),
            # Each of the three starts as a Glorot uniform draw of its own fans.
            initializer=keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform"),
        )
        self.bias = self.add_weight(name="bias", shape=(3 * self.size,), initializer="zeros")
        self.built = True

    def call(self, vectors: Any, attends: bool = True) -> Any:
        if attends:
            return ops.concatenate([ops.matmul(vectors, self.kernel) + self.bias, vectors], -1)
        width = 2 * self.size
        return ops.matmul(vectors, self.kernel[:, :width]) + self.bias[:width]

    def compute_output_spec(self, vectors: Any, attends: bool = True) -> keras.KerasTensor:
        shape = (*vectors.shape[:-1], (4 if attends else 2) * self.size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
