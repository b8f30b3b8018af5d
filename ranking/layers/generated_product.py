"""A product with a matrix that a condition makes."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.mlp import Mlp
from ranking.layers.view_dense import ViewDense


@keras.saving.register_keras_serializable(package="ranking")
class GeneratedProduct(keras.layers.Layer):
    """Multiplies a vector by a matrix per view: `(B, C, D)` -> `(B, C, S, U)`.

        outputs[b, c, k] = W[b, c, k] inputs[b, c] + bias[b, c, k]
        W = reshape(FC([condition[b, c], trigger[b, c, k]])),    bias = FC'(...)

    The generator's last layer is linear in its hidden vector h, so with its kernel cut into one
    matrix per element of h the product may be done in the other order:

        W x = sum_j h_j (kernel_j x),   j = 0 .. H,   h_H = 1

    That multiplies by the large kernel once per candidate and not once per view, and no matrix W
    is ever made. The kernel is stored as `(D, H + 1, U)`.

    Shapes are written with B = batch, C = candidates, S = views, D and U = widths.

    Args:
        output_size: Number of outputs U.
        hidden_sizes: Sizes of the generator's hidden layers. None: it is one linear layer.
        use_bias: Whether a bias is generated too.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, D)`: what is multiplied.
        condition: Float tensor `(B, C, E)`: what the generator reads for all views.
        trigger: Float tensor `(B, C, S, F)`: what it reads for each.

    Returns:
        Float tensor `(B, C, S, U)`.

    Raises:
        ValueError: If an argument is out of range, or if the tensors are not of these ranks.

    Example:
    >>> from keras import ops
    >>> product = GeneratedProduct(7, hidden_sizes=(11,))
    >>> product(ops.ones((2, 3, 4)), ops.ones((2, 3, 5)), ops.ones((2, 3, 2, 6))).shape
    TensorShape([2, 3, 2, 7])

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equations 3 and 4.
    """

    def __init__(
        self,
        output_size: int,
        *,
        hidden_sizes: Sequence[int] = (64,),
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("output_size", output_size)
        check_sizes("hidden_sizes", hidden_sizes)
        self.output_size = output_size
        self.hidden_sizes = tuple(hidden_sizes)
        self.use_bias = use_bias
        common = {"dtype": self.dtype_policy}
        if self.hidden_sizes:
            self.first_layer = ViewDense(self.hidden_sizes[0], name="first_layer", **common)
        if len(self.hidden_sizes) > 1:
            *between, last = self.hidden_sizes[1:]
            self.following_layers = Mlp(
                between, last, output_activation="relu", name="following_layers", **common
            )

    def build(self, inputs_shape: Any, condition_shape: Any, trigger_shape: Any) -> None:
        self._check_ranks(inputs_shape, condition_shape, trigger_shape)
        width, sizes = inputs_shape[-1], self.hidden_sizes
        if sizes:
            self.first_layer.build(condition_shape, trigger_shape)
        if len(sizes) > 1:
            self.following_layers.build((*trigger_shape[:-1], sizes[0]))
        hidden = sizes[-1] if sizes else condition_shape[-1] + trigger_shape[-1]
        # From hidden elements of about unit size, a matrix that keeps the length of a vector.
        limit = (3.0 / (hidden * width)) ** 0.5
        self.kernel = self.add_weight(
            name="kernel",
            shape=(width, hidden + 1, self.output_size),  # The last is the generator's own bias.
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        if self.use_bias:
            self.bias = keras.layers.Dense(self.output_size, dtype=self.dtype_policy, name="bias")
            self.bias.build((*trigger_shape[:-1], hidden))
        self.built = True

    def call(self, inputs: Any, condition: Any, trigger: Any) -> Any:
        hidden = self._hidden(condition, trigger)  # (B, C, S, H)
        width, rows, size = self.kernel.shape
        products = ops.matmul(inputs, ops.reshape(self.kernel, (width, rows * size)))
        products = ops.reshape(products, (*ops.shape(inputs)[:2], rows, size))
        # A one beside h rather than a part of the products by itself: they are large, h is not.
        ones = ops.ones_like(hidden[..., :1])
        outputs = ops.matmul(ops.concatenate([hidden, ones], axis=-1), products)
        return outputs + self.bias(hidden) if self.use_bias else outputs

    def compute_output_shape(
        self, inputs_shape: Any, condition_shape: Any, trigger_shape: Any
    ) -> tuple[int | None, ...]:
        return (*trigger_shape[:-1], self.output_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "hidden_sizes": self.hidden_sizes,
            "use_bias": self.use_bias,
        }

    def _hidden(self, condition: Any, trigger: Any) -> Any:
        """What the generator's last layer reads, `(B, C, S, H)`."""
        if not self.hidden_sizes:
            shape = (*ops.shape(trigger)[:-1], condition.shape[-1])
            condition = ops.broadcast_to(ops.expand_dims(condition, 2), shape)
            return ops.concatenate([condition, trigger], axis=-1)
        hidden = self.first_layer(condition, trigger)
        return self.following_layers(hidden) if len(self.hidden_sizes) > 1 else hidden

    def _check_ranks(self, inputs_shape: Any, condition_shape: Any, trigger_shape: Any) -> None:
        if (len(inputs_shape), len(condition_shape), len(trigger_shape)) != (3, 3, 4):
            raise ValueError(
                f"{type(self).__name__} takes `inputs` of shape (B, C, D), `condition` of shape "
                "(B, C, E) and `trigger` of shape (B, C, S, F). Received: "
                f"inputs.shape={tuple(inputs_shape)}, condition.shape={tuple(condition_shape)}, "
                f"trigger.shape={tuple(trigger_shape)}"
            )
