"""Small network whose weights are generated from what is known of the session."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class MetaUnit(keras.layers.Layer):
    """Layers with a kernel and a bias for every session: `(B, R, M)`, `(B, H)` -> `(B, R, M)`.

        kernel[b] = reshape(knowledge[b] V_w + v_w),    bias[b] = knowledge[b] V_b + v_b
        outputs = leaky_relu(inputs kernel + bias)                              layer by layer

    Only the generators V and v are trained. v_w starts as a dense layer's kernel and v_b as zeros:
    what sessions have in common. The kernels are made once per session, whatever R.

    Shapes are written with B = batch, R = rows of a session, M = width, H = width of the knowledge.

    Args:
        num_layers: Number of generated layers.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, R, M)`, finite at padding too.
        knowledge: Float tensor `(B, H)`.

    Raises:
        ValueError: If `num_layers` is not a whole number from 1 on.

    Example:
    >>> MetaUnit()(keras.ops.ones((2, 5, 7)), keras.ops.ones((2, 3))).shape
    TensorShape([2, 5, 7])

    Reference:
        Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
        Modeling, section 3.3 (meta unit).
    """

    def __init__(self, num_layers: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("num_layers", num_layers)
        self.num_layers = num_layers

    def build(self, inputs_shape: Any, knowledge_shape: Any) -> None:
        width, known = inputs_shape[-1], knowledge_shape[-1]
        for index in range(self.num_layers):
            # One attribute per weight, no list: tf.train.Checkpoint does not look into Keras lists.
            self._add(f"kernel_factor_{index}", (known, width * width), "glorot_uniform")
            self._add(f"kernel_offset_{index}", (width, width), "glorot_uniform")
            self._add(f"bias_factor_{index}", (known, width), "glorot_uniform")
            self._add(f"bias_offset_{index}", (width,), "zeros")
        self.built = True

    def call(self, inputs: Any, knowledge: Any) -> Any:
        width = inputs.shape[-1]
        outputs = inputs
        for index in range(self.num_layers):
            kernel = ops.matmul(knowledge, getattr(self, f"kernel_factor_{index}"))
            kernel = ops.reshape(kernel, (-1, width, width))
            kernel = kernel + getattr(self, f"kernel_offset_{index}")  # (B, M, M)
            bias = ops.matmul(knowledge, getattr(self, f"bias_factor_{index}"))
            bias = bias + getattr(self, f"bias_offset_{index}")  # (B, M)
            outputs = ops.matmul(outputs, kernel) + ops.expand_dims(bias, 1)
            outputs = keras.activations.leaky_relu(outputs)
        return outputs

    def compute_output_shape(
        self, inputs_shape: Any, knowledge_shape: Any
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_layers": self.num_layers}

    def _add(self, name: str, shape: tuple[int, ...], initializer: str) -> None:
        setattr(self, name, self.add_weight(name=name, shape=shape, initializer=initializer))
