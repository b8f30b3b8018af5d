"""What a transformer's first layer makes of a sequence before it looks at any pair."""

from typing import Any

import keras

from ranking.layers.attention_projections import AttentionProjections
from ranking.layers.sequence_positions import SequencePositions


@keras.saving.register_keras_serializable(package="ranking")
class SequenceProjections(keras.layers.Layer):
    """Places and projects: behaviors `(B, T, d)` -> `(B, T, 2 d or 4 d)`, targets -> `(B, C, 4 d)`.

    The behaviors' part depends on the session alone, so a server computes it once per session, and
    may keep it. Behaviors and targets share all weights.

    Shapes are written with B = batch, T = behaviors, C = candidates, d = width.

    Args:
        size: Width d.
        max_length: Number of behaviors that are read; only the newest are.
        position: `"index"` or `"time_difference"`, see `SequencePositions`.
        position_merge: `"add"` or `"concat"`, see there too.
        behaviors_attend: Whether behaviors attend themselves, see `AttentionProjections`. A single
            layer that returns the target's position needs no more than their keys and values.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, T, d)` of behaviors, or `(B, C, d)` of targets.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors; `None` for targets.
        time_differences: Float tensor `(B, T)`, for behaviors with `position="time_difference"`.

    Returns:
        Float tensor of these shapes. What stands at padding is finite.

    Raises:
        ValueError: If an argument is out of range, or the tensors are not of these ranks.

    Example:
    >>> projections = SequenceProjections(3, behaviors_attend=False)
    >>> vectors, mask = keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 5), "bool")
    >>> projections(vectors, mask).shape, projections(vectors).shape
    (TensorShape([2, 5, 6]), TensorShape([2, 5, 12]))
    """

    def __init__(
        self,
        size: int,
        *,
        max_length: int = 50,
        position: str = "index",
        position_merge: str = "add",
        behaviors_attend: bool = True,
        **kwargs: Any,
    ) -> None:
        # Its parts cast what they take, and times must reach them whole.
        super().__init__(**{"autocast": False, **kwargs})
        self.size = size
        self.max_length = max_length
        self.position = position
        self.position_merge = position_merge
        self.behaviors_attend = behaviors_attend
        common = {"dtype": self.dtype_policy}
        self.positions = SequencePositions(
            size,
            max_length=max_length,
            position=position,
            merge=position_merge,
            name="positions",
            **common,
        )
        self.projections = AttentionProjections(size, name="projections", **common)

    def build(
        self,
        vectors_shape: Any,
        behaviors_mask_shape: Any = None,
        time_differences_shape: Any = None,
    ) -> None:
        self.positions.build(vectors_shape)
        self.projections.build(vectors_shape)
        self.built = True

    def call(self, vectors: Any, behaviors_mask: Any = None, time_differences: Any = None) -> Any:
        placed = self.positions(vectors, behaviors_mask, time_differences)
        attends = behaviors_mask is None or self.behaviors_attend
        return self.projections(placed, attends=attends)

    def compute_output_spec(
        self, vectors: Any, behaviors_mask: Any = None, time_differences: Any = None
    ) -> keras.KerasTensor:
        attends = behaviors_mask is None or self.behaviors_attend
        shape = (*vectors.shape[:-1], (4 if attends else 2) * self.size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "max_length": self.max_length,
            "position": self.position,
            "position_merge": self.position_merge,
            "behaviors_attend": self.behaviors_attend,
        }
