"""Several networks of one structure, computed side by side."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.masked_batch_norm import MaskedBatchNorm


@keras.saving.register_keras_serializable(package="ranking")
class ExpertBank(keras.layers.Layer):
    """Scores each input by K experts: `(..., D)` -> `(..., K)`.

    The experts have the same structure and separate weights. A layer of all of them is one
    batched product with a kernel `(K, in, out)`; the expert axis stays in front from the first
    product to the last, so that no large tensor is ever transposed.

    Shapes are written with D = width, K = experts.

    Args:
        num_experts: Number of experts K.
        hidden_sizes: Sizes of each expert's hidden layers. An output layer of size 1 follows.
        activation: Activation of the hidden layers.
        batch_norm: Whether the input is normalized over the batch before the experts read it.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(..., D)`.
        inputs_mask: Boolean tensor `(...)`, `True` at real positions. Others are read as zeros
            and do not enter the batch statistics. `None`: every position counts.
        training: Whether the statistics of this batch apply.

    Returns:
        Float tensor `(..., K)`.

    Raises:
        ValueError: If an argument is out of range, or if the last dimension is unknown.

    Example:
    >>> ExpertBank(4, hidden_sizes=(8,))(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equation 5 and figure 4b.
    """

    def __init__(
        self,
        num_experts: int,
        *,
        hidden_sizes: Sequence[int] = (128, 64),
        activation: Any = "relu",
        batch_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_experts", num_experts)
        check_sizes("hidden_sizes", hidden_sizes)
        self.num_experts = num_experts
        self.hidden_sizes = tuple(hidden_sizes)
        self.activation = keras.activations.get(activation)
        self.batch_norm = batch_norm
        if batch_norm:
            # A scale and an offset per expert would drown in the product that follows.
            self.norm = MaskedBatchNorm(
                center=False, scale=False, dtype=self.dtype_policy, name="norm"
            )

    def build(self, inputs_shape: Any) -> None:
        if inputs_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs inputs of a known last dimension. "
                f"Received: inputs.shape={tuple(inputs_shape)}"
            )
        sizes = (inputs_shape[-1], *self.hidden_sizes, 1)
        for index, (size_in, size_out) in enumerate(zip(sizes, sizes[1:], strict=False)):
            # One attribute per weight, no list: tf.train.Checkpoint does not look into Keras
            # lists.
            setattr(self, f"kernel_{index}", self._add_kernel(index, size_in, size_out))
            bias = self.add_weight(
                name=f"bias_{index}", shape=(self.num_experts, size_out), initializer="zeros"
            )
            setattr(self, f"bias_{index}", bias)
        if self.batch_norm:
            self.norm.build(inputs_shape)
        self.built = True

    def call(self, inputs: Any, inputs_mask: Any = None, training: bool | None = None) -> Any:
        outer = ops.shape(inputs)[:-1]
        if inputs_mask is not None:
            inputs = clear_padding(inputs, inputs_mask)
        if self.batch_norm:
            inputs = self.norm(inputs, mask=inputs_mask, training=training)
        hidden = ops.reshape(inputs, (1, -1, inputs.shape[-1]))
        for index in range(len(self.hidden_sizes)):
            hidden = self.activation(self._product(index, hidden))  # (K, N, size)
        scores = self._product(len(self.hidden_sizes), hidden)  # (K, N, 1)
        scores = ops.transpose(ops.squeeze(scores, -1))  # (N, K)
        return ops.reshape(scores, (*outer, self.num_experts))

    def compute_output_shape(
        self, inputs_shape: Any, inputs_mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.num_experts)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "hidden_sizes": self.hidden_sizes,
            "activation": keras.activations.serialize(self.activation),
            "batch_norm": self.batch_norm,
        }

    def _add_kernel(self, index: int, size_in: int, size_out: int) -> Any:
        # Keras takes the first of three axes for a convolution window, which both fans are
        # multiplied with. The scale takes that back: each expert starts as a Glorot uniform draw.
        initializer = keras.initializers.VarianceScaling(
            self.num_experts, mode="fan_avg", distribution="uniform"
        )
        return self.add_weight(
            name=f"kernel_{index}",
            shape=(self.num_experts, size_in, size_out),
            initializer=initializer,
        )

    def _product(self, index: int, inputs: Any) -> Any:
        """`(1 or K, N, in)` -> `(K, N, out)`."""
        kernel, bias = getattr(self, f"kernel_{index}"), getattr(self, f"bias_{index}")
        return ops.matmul(inputs, kernel) + ops.expand_dims(bias, 1)
