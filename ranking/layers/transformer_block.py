"""One layer of a transformer over behaviors and targets."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_rate
from ranking.layers.target_attention import behaviors_attend, target_attends

_EPSILON = 1e-5  # of the normalizations


@keras.saving.register_keras_serializable(package="ranking")
class TransformerBlock(keras.layers.Layer):
    """Attention and a feed-forward network, each with a residual and a normalization after it.

        z' = norm(z + drop(attention(z) W + b)),   z'' = norm(z' + drop(FFN(z')))

    for a sequence of the behaviors of a session and one target. FFN has one hidden layer of
    leaky ReLU. Without dropout nothing is dropped.

    Shapes are written with B = batch, T = behaviors, G = groups of targets that share behaviors,
    R = targets in each, d = width; see `target_attention`.

    Args:
        size: Width d.
        num_heads: Number of attention heads, a divisor of d.
        feed_forward_size: Size of the FFN's hidden layer. `None`: d.
        behaviors_attend: Whether behaviors' positions are computed too, and not the target's alone.
        dropout: Share of what attention and FFN return that is set to zero in training.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, G, T, 4 d)`, as `AttentionProjections` returns it; `(B, G, T,
            2 d)` where behaviors do not attend.
        target: Float tensor `(B, G, R, 4 d)`.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors. What stands elsewhere
            must be finite.
        training: Whether dropout applies.

    Returns:
        Behaviors `(B, GR, T, d)`, one set per target, or `None` where they do not attend; and
        targets `(B, GR, 1, d)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> block = TransformerBlock(8, num_heads=2)
    >>> behaviors, target = keras.ops.ones((2, 1, 5, 32)), keras.ops.ones((2, 1, 3, 32))
    >>> behaviors, target = block(behaviors, target, keras.ops.ones((2, 5), "bool"))
    >>> behaviors.shape, target.shape
    (TensorShape([2, 3, 5, 8]), TensorShape([2, 3, 1, 8]))

    Reference:
        Behavior Sequence Transformer (arXiv 1905.06874), section 2.2.
    """

    def __init__(
        self,
        size: int,
        *,
        num_heads: int = 4,
        feed_forward_size: int | None = None,
        behaviors_attend: bool = True,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_heads(size, num_heads)
        if feed_forward_size is not None:
            check_count("feed_forward_size", feed_forward_size)
        check_rate("dropout", dropout)
        self.size = size
        self.num_heads = num_heads
        self.feed_forward_size = feed_forward_size
        self.behaviors_attend = behaviors_attend
        self.dropout = dropout
        self._make_layers()

    def build(
        self, behaviors_shape: Any, target_shape: Any, behaviors_mask_shape: Any = None
    ) -> None:
        shape = (*target_shape[:-1], self.size)
        for layer in (self.attention_dense, self.hidden_dense):
            layer.build(shape)
        self.output_dense.build((*shape[:-1], self.feed_forward_size or self.size))
        for layer in (self.attention_norm, self.output_norm):
            layer.build(shape)
        self.built = True

    def call(
        self, behaviors: Any, target: Any, behaviors_mask: Any, training: bool | None = None
    ) -> tuple[Any, Any]:
        seen = target_attends(target, behaviors, behaviors_mask, self.num_heads)
        encoded = self._encode(target[..., -self.size :], seen, training)
        batch, groups, targets, _ = ops.shape(target)
        encoded = ops.reshape(encoded, (batch, groups * targets, 1, self.size))
        if not self.behaviors_attend:
            return None, encoded
        seen = behaviors_attend(target, behaviors, behaviors_mask, self.num_heads)
        # Groups of several targets are one group, so its behaviors broadcast over all targets.
        return self._encode(behaviors[..., -self.size :], seen, training), encoded

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "num_heads": self.num_heads,
            "feed_forward_size": self.feed_forward_size,
            "behaviors_attend": self.behaviors_attend,
            "dropout": self.dropout,
        }

    def _encode(self, vectors: Any, seen: Any, training: bool | None) -> Any:
        """Everything behind the attention, position by position."""
        seen = self._drop("attention_drop", self.attention_dense(seen), training)
        vectors = self.attention_norm(vectors + seen)
        outputs = self.output_dense(self.hidden_dense(vectors))
        return self.output_norm(vectors + self._drop("output_drop", outputs, training))

    def _drop(self, name: str, vectors: Any, training: bool | None) -> Any:
        return getattr(self, name)(vectors, training=training) if self.dropout else vectors

    def _make_layers(self) -> None:
        common = {"dtype": self.dtype_policy}
        hidden_size = self.feed_forward_size or self.size
        dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
        self.attention_dense = dense(self.size, name="attention_dense", **common)
        self.attention_norm = norm(epsilon=_EPSILON, name="attention_norm", **common)
        self.hidden_dense = dense(
            hidden_size, activation="leaky_relu", name="hidden_dense", **common
        )
        self.output_dense = dense(self.size, name="output_dense", **common)
        self.output_norm = norm(epsilon=_EPSILON, name="output_norm", **common)
        if self.dropout:
            for name in ("attention_drop", "output_drop"):
                setattr(self, name, keras.layers.Dropout(self.dropout, name=name, **common))


def check_heads(size: int, num_heads: int) -> None:
    """Refuses a width that heads cannot share evenly.

    Raises:
        ValueError: If a number is below 1, or if `num_heads` does not divide `size`.
    """
    check_count("size", size)
    check_count("num_heads", num_heads)
    if size % num_heads:
        raise ValueError(
            f"`num_heads` must divide `size`. Received: size={size}, num_heads={num_heads}"
        )
