"""A dense layer over something that all views share, next to something that each has."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class ViewDense(keras.layers.Layer):
    """Reads a shared vector with each view's: `(B, C, D)`, `(B, C, S, E)` -> `(B, C, S, U)`.

        outputs[b, c, k] = activation([shared[b, c], own[b, c, k]] W + bias)

    The product with the shared vector is done once and not once per view, and the two are never put
    side by side. The kernel is stored whole, `(D + E, U)`, as if they were.

    Shapes are written with B = batch, C = candidates, S = views, D and E = widths, U = outputs.

    Args:
        output_size: Number of outputs U.
        activation: Activation.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        shared: Float tensor `(B, C, D)`.
        own: Float tensor `(B, C, S, E)`.

    Returns:
        Float tensor `(B, C, S, U)`.

    Raises:
        ValueError: If `output_size` is below 1, or if the tensors are not of these ranks.

    Example:
    >>> ViewDense(7)(keras.ops.ones((2, 3, 4)), keras.ops.ones((2, 3, 2, 5))).shape
    TensorShape([2, 3, 2, 7])
    """

    def __init__(self, output_size: int, *, activation: Any = "relu", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("output_size", output_size)
        self.output_size = output_size
        self.activation = keras.activations.get(activation)

    def build(self, shared_shape: Any, own_shape: Any) -> None:
        if len(shared_shape) != 3 or len(own_shape) != 4:
            raise ValueError(
                f"{type(self).__name__} takes `shared` of shape (B, C, D) and `own` of shape "
                f"(B, C, S, E). Received: shared.shape={tuple(shared_shape)}, "
                f"own.shape={tuple(own_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(shared_shape[-1] + own_shape[-1], self.output_size),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(name="bias", shape=(self.output_size,), initializer="zeros")
        self.built = True

    def call(self, shared: Any, own: Any) -> Any:
        width = shared.shape[-1]
        of_shared = ops.matmul(shared, self.kernel[:width]) + self.bias
        of_own = ops.matmul(own, self.kernel[width:])
        return self.activation(ops.expand_dims(of_shared, 2) + of_own)

    def compute_output_shape(self, shared_shape: Any, own_shape: Any) -> tuple[int | None, ...]:
        return (*own_shape[:-1], self.output_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "activation": keras.activations.serialize(self.activation),
        }
