"""A small network over a vector that comes in parts."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count
from ranking.layers.mlp import Mlp


@keras.saving.register_keras_serializable(package="ranking")
class SplitMlp(keras.layers.Layer):
    """Maps a vector that comes in parts to a hidden vector; the parts are never joined.

        h = relu(W [part_1, part_2, ...] + b), then further layers of the same kind

    Every part meets its own rows of W. So a part that all candidates of a session share is
    multiplied once per session, and the product is added to each candidate's. Parts fill the rows
    of W from the first on, and a last part that is left out counts as zeros.

    Shapes: B sessions, N behaviors or candidates, H hidden.

    Args:
        input_size: Number of rows of W: what all parts may hold together at most.
        hidden_size: Width H of every layer.
        num_layers: Number of layers.

    Call arguments:
        parts: List of float tensors `[B, D_i]` or `[B, N, D_i]`. A part without N is added to
            all of the others' N.

    Returns:
        Float tensor `[B, H]`, or `[B, N, H]` where a part has N.

    Raises:
        ValueError: If an argument is below 1, or the parts hold more than `input_size` numbers.

    Example:
    >>> mlp = SplitMlp(5, 7)
    >>> mlp([keras.ops.ones((2, 3)), keras.ops.ones((2, 11, 2))]).shape
    TensorShape([2, 11, 7])

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking in
        E-commerce, section III-B, equation 2.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, num_layers: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_count("input_size", input_size)
        check_count("hidden_size", hidden_size)
        check_count("num_layers", num_layers)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.following_layers = None
        if num_layers > 1:
            sizes = (hidden_size,) * (num_layers - 1)
            self.following_layers = Mlp(sizes, dtype=self.dtype_policy, name="following_layers")

    def build(self, parts_shape: Sequence[Sequence[int | None]]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(self.input_size, self.hidden_size), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.hidden_size,), initializer="zeros")
        if self.following_layers is not None:
            self.following_layers.build((None, self.hidden_size))
        self.built = True

    def call(self, parts: Sequence[Any]) -> Any:
        width = sum(part.shape[-1] for part in parts)
        if width > self.input_size:
            raise ValueError(
                "`parts` must hold at most `input_size` numbers together. "
                f"Received: {width} numbers, input_size={self.input_size}"
            )
        rank = max(len(part.shape) for part in parts)
        hidden, row = self.bias, 0
        for part in parts:
            product = ops.matmul(part, self.kernel[row : row + part.shape[-1]])
            hidden = hidden + (product if len(part.shape) == rank else product[:, None, :])
            row += part.shape[-1]
        hidden = ops.relu(hidden)
        return hidden if self.following_layers is None else self.following_layers(hidden)

    def compute_output_shape(self, parts_shape: Sequence[Any]) -> tuple[int | None, ...]:
        return (*max(parts_shape, key=len)[:-1], self.hidden_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
        }
