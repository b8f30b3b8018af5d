"""The part of a sequence transformer that looks at behaviors and targets together."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.attention_projections import AttentionProjections
from ranking.layers.behavior_ages import behavior_ages, newest_behaviors
from ranking.layers.clear_padding import clear_padding
from ranking.layers.transformer_block import TransformerBlock

_OUTPUTS = ("target", "concat", "mean")


@keras.saving.register_keras_serializable(package="ranking")
class SequenceEncoder(keras.layers.Layer):
    """Runs transformer layers over projected sequences: `(B, C, 4 d)` targets -> `(B, C, d)`.

    In the first layer behaviors are the same for all targets: they are read as they are, and what
    they see of each other is computed once per session. From the second layer on they have seen
    a target, so they are computed per candidate. The last layer computes behaviors only where the
    output needs them.

    Shapes are written with B = batch, T = behaviors, C = candidates, d = width, M = max_length.

    Args:
        size: Width d.
        num_layers: Number of layers.
        num_heads: Number of attention heads, a divisor of d.
        feed_forward_size: Size of the feed-forward networks' hidden layer. `None`: d.
        output: `"target"`: the target's position. `"mean"`: the mean of all positions of behaviors
            and target. `"concat"`: M behaviors in a row, the newest last and zeros before the
            oldest, and the target behind them.
        max_length: Number M of behaviors that are read; only the newest are.
        dropout: Share of what each attention and feed-forward network returns that is set to zero
            in training.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, T, 2 d)`, keys and values as `SequenceProjections` returns
            them; `(B, T, 4 d)` where `behaviors_attend`.
        target: Float tensor `(B, C, 4 d)`.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors, the newest last.
        training: Whether dropout applies.

    Returns:
        Float tensor `(B, C, d)`, or `(B, C, (M + 1) d)` with `"concat"`.

    Raises:
        ValueError: If an argument is out of range, or the tensors are not of these shapes.

    Example:
    >>> from keras import ops
    >>> encoder = SequenceEncoder(8, num_heads=2)
    >>> encoder(ops.ones((2, 5, 16)), ops.ones((2, 3, 32)), ops.ones((2, 5), "bool")).shape
    TensorShape([2, 3, 8])

    Reference:
        Behavior Sequence Transformer (arXiv 1905.06874), section 2.2.
    """

    def __init__(
        self,
        size: int,
        *,
        num_layers: int = 1,
        num_heads: int = 4,
        feed_forward_size: int | None = None,
        output: str = "target",
        max_length: int = 50,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_layers", num_layers)
        check_choice("output", output, _OUTPUTS)
        check_count("max_length", max_length)
        self.size = size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.feed_forward_size = feed_forward_size
        self.output_form = output  # `output` is a property of Keras layers.
        self.max_length = max_length
        self.dropout = dropout
        self._make_layers()

    @property
    def behaviors_attend(self) -> bool:
        """Whether the first layer computes behaviors' positions."""
        return self.num_layers > 1 or self.output_form != "target"

    def build(
        self, behaviors_shape: Any, target_shape: Any, behaviors_mask_shape: Any = None
    ) -> None:
        self._check_shapes(behaviors_shape, target_shape)
        shape = (behaviors_shape[0], None, None, self.size)
        for index in range(self.num_layers):
            if index:
                self._layer("projections", index).build(shape)
            self._layer("block", index).build(shape, shape)
        self.built = True

    def call(
        self, behaviors: Any, target: Any, behaviors_mask: Any, training: bool | None = None
    ) -> Any:
        mask = newest_behaviors(behaviors_mask, self.max_length)
        behaviors = clear_padding(behaviors, mask)
        if self.output_form == "concat":
            behaviors, mask = _aligned(behaviors, mask, self.max_length)
        behaviors, target = ops.expand_dims(behaviors, 1), ops.expand_dims(target, 1)
        for index in range(self.num_layers):
            block = self._layer("block", index)
            if index:
                projections = self._layer("projections", index)
                behaviors = projections(behaviors, attends=block.behaviors_attend)
                target = projections(target)
            behaviors, target = block(behaviors, target, mask, training=training)
        return self._joined(behaviors, target, mask)

    def compute_output_shape(
        self, behaviors_shape: Any, target_shape: Any, behaviors_mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        positions = self.max_length + 1 if self.output_form == "concat" else 1
        return (*target_shape[:2], positions * self.size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "feed_forward_size": self.feed_forward_size,
            "output": self.output_form,
            "max_length": self.max_length,
            "dropout": self.dropout,
        }

    def _joined(self, behaviors: Any, target: Any, mask: Any) -> Any:
        """Behaviors `(B, C, T, d)` and targets `(B, C, 1, d)` -> the output."""
        if self.output_form == "target":
            return ops.squeeze(target, 2)
        behaviors = clear_padding(behaviors, ops.expand_dims(mask, 1))
        if self.output_form == "mean":
            count = 1 + ops.count_nonzero(mask, axis=1)
            total = ops.sum(behaviors, axis=2) + ops.squeeze(target, 2)
            return total / ops.cast(count, total.dtype)[:, None, None]
        positions = ops.concatenate([behaviors, target], axis=2)
        outer = ops.shape(positions)[:2]
        return ops.reshape(positions, (*outer, (self.max_length + 1) * self.size))

    def _make_layers(self) -> None:
        # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
        common = {"dtype": self.dtype_policy}
        for index in range(self.num_layers):
            if index:
                projections = AttentionProjections(self.size, **common)
                setattr(self, f"projections_{index}", projections)
            block = TransformerBlock(
                self.size,
                num_heads=self.num_heads,
                feed_forward_size=self.feed_forward_size,
                behaviors_attend=index + 1 < self.num_layers or self.output_form != "target",
                dropout=self.dropout,
                **common,
            )
            setattr(self, f"block_{index}", block)

    def _layer(self, kind: str, index: int) -> Any:
        return getattr(self, f"{kind}_{index}")

    def _check_shapes(self, behaviors_shape: Any, target_shape: Any) -> None:
        width = (4 if self.behaviors_attend else 2) * self.size
        ranks = len(behaviors_shape), len(target_shape)
        widths = behaviors_shape[-1], target_shape[-1]
        if ranks != (3, 3) or widths != (width, 4 * self.size):
            raise ValueError(
                f"{type(self).__name__} of size {self.size} takes projected `behaviors` of shape "
                f"(B, T, {width}) and `target` of shape (B, C, {4 * self.size}). Received: "
                f"behaviors.shape={tuple(behaviors_shape)}, target.shape={tuple(target_shape)}"
            )


def _aligned(behaviors: Any, mask: Any, max_length: int) -> tuple[Any, Any]:
    """Behaviors at the end of `max_length` places, whatever the padding: `(B, M, D)`, `(B, M)`."""
    places = max_length - 1 - ops.arange(max_length, dtype="int32")  # Ages, the oldest first.
    at = ops.expand_dims(behavior_ages(mask), 1) == ops.reshape(places, (1, -1, 1))
    at = ops.logical_and(at, ops.expand_dims(mask, 1))  # (B, M, T), at most one in a row
    return ops.matmul(ops.cast(at, behaviors.dtype), behaviors), ops.any(at, axis=-1)
