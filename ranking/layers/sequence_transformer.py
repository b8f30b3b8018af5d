"""What a user wants in view of a target item: a transformer over both."""

from typing import Any

import keras

from ranking.layers.sequence_encoder import SequenceEncoder
from ranking.layers.sequence_projections import SequenceProjections


@keras.saving.register_keras_serializable(package="ranking")
class SequenceTransformer(keras.layers.Layer):
    """Encodes behaviors with each target item: `(B, T, d)`, `(B, C, d)` -> `(B, C, d)`.

    For each candidate the sequence is that of the session's behaviors and the candidate behind
    them. Each layer is attention and a feed-forward network, each followed by the sum with what it
    read and a normalization. A session without behaviors attends to the target alone.

    **What is computed once per session.** Positions, keys and values of behaviors in the first
    layer, and what behaviors see there of each other; never per candidate. It is the job of
    `SequenceProjections`, and `SequenceEncoder` does the rest, so a model that calls those two
    itself may be cut between them:

        encoder(projections(behaviors, behaviors_mask), projections(target), behaviors_mask)

    From the second layer on behaviors have seen the target, so their states, keys and values are
    those of one candidate, and nothing is left to share.

    Shapes are written with B = batch, T = behaviors, C = candidates, d = width.

    Args:
        size: Width d.
        num_layers: Number of layers.
        num_heads: Number of attention heads, a divisor of d.
        feed_forward_size: Size of the feed-forward networks' hidden layer. `None`: d.
        output: `"target"`: the target's position. `"mean"`: the mean of all positions, the target's
            too. `"concat"`: all of them, see `SequenceEncoder`.
        position: `"index"`: a learned vector per position. `"time_difference"`: one made of the
            time since the behavior, see `SequencePositions`.
        position_merge: `"add"` or `"concat"`, see there too.
        max_length: Number of behaviors that are read; only the newest are.
        dropout: Share of what each attention and feed-forward network returns that is set to zero
            in training.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, T, d)`. T may be 0 or unknown.
        target: Float tensor `(B, C, d)`. Padding is computed like anything else: clear it before.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors, the newest last.
        time_differences: Float tensor `(B, T)`: how long ago each behavior was. With
            `position="time_difference"`, and only there.
        training: Whether dropout applies.

    Returns:
        Float tensor `(B, C, d)`, or `(B, C, (max_length + 1) d)` with `output="concat"`.

    Raises:
        ValueError: If an argument is out of range, or the tensors are not of these shapes.

    Example:
    >>> transformer = SequenceTransformer(8, num_heads=2)
    >>> behaviors, target = keras.ops.ones((2, 5, 8)), keras.ops.ones((2, 3, 8))
    >>> transformer(behaviors, target, keras.ops.ones((2, 5), "bool")).shape
    TensorShape([2, 3, 8])

    Reference:
        Behavior Sequence Transformer (arXiv 1905.06874); Unified Search and Recommendation
        (arXiv 2405.10835), section 3.1: the global interest.
    """

    def __init__(
        self,
        size: int,
        *,
        num_layers: int = 1,
        num_heads: int = 4,
        feed_forward_size: int | None = None,
        output: str = "target",
        position: str = "index",
        position_merge: str = "add",
        max_length: int = 50,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        # Its parts cast what they take, and times must reach them whole.
        super().__init__(**{"autocast": False, **kwargs})
        self.position = position
        self.position_merge = position_merge
        common = {"max_length": max_length, "dtype": self.dtype_policy}
        self.encoder = SequenceEncoder(
            size,
            num_layers=num_layers,
            num_heads=num_heads,
            feed_forward_size=feed_forward_size,
            output=output,
            dropout=dropout,
            name="encoder",
            **common,
        )
        self.projections = SequenceProjections(
            size,
            position=position,
            position_merge=position_merge,
            behaviors_attend=self.encoder.behaviors_attend,
            name="projections",
            **common,
        )

    def build(
        self,
        behaviors_shape: Any,
        target_shape: Any,
        behaviors_mask_shape: Any = None,
        time_differences_shape: Any = None,
    ) -> None:
        self._check_shapes(behaviors_shape, target_shape)
        size = self.encoder.size
        width = (4 if self.encoder.behaviors_attend else 2) * size
        self.projections.build(behaviors_shape)
        self.encoder.build((*behaviors_shape[:2], width), (*target_shape[:2], 4 * size))
        self.built = True

    def call(
        self,
        behaviors: Any,
        target: Any,
        behaviors_mask: Any,
        time_differences: Any = None,
        training: bool | None = None,
    ) -> Any:
        of_behaviors = self.projections(behaviors, behaviors_mask, time_differences)
        of_target = self.projections(target)
        return self.encoder(of_behaviors, of_target, behaviors_mask, training=training)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # The behavior axis is gone.

    def compute_output_shape(
        self,
        behaviors_shape: Any,
        target_shape: Any,
        behaviors_mask_shape: Any = None,
        time_differences_shape: Any = None,
    ) -> tuple[int | None, ...]:
        return self.encoder.compute_output_shape(behaviors_shape, target_shape)

    def get_config(self) -> dict[str, Any]:
        of_encoder = self.encoder.get_config()
        names = ("size", "num_layers", "num_heads", "feed_forward_size", "output", "max_length")
        return {
            **super().get_config(),
            **{name: of_encoder[name] for name in (*names, "dropout")},
            "position": self.position,
            "position_merge": self.position_merge,
        }

    def _check_shapes(self, behaviors_shape: Any, target_shape: Any) -> None:
        size = self.encoder.size
        ranks = len(behaviors_shape), len(target_shape)
        if ranks != (3, 3) or (behaviors_shape[-1], target_shape[-1]) != (size, size):
            raise ValueError(
                f"{type(self).__name__} of size {size} takes `behaviors` of shape (B, T, {size}) "
                f"and `target` of shape (B, C, {size}). Received: "
                f"behaviors.shape={tuple(behaviors_shape)}, target.shape={tuple(target_shape)}"
            )
