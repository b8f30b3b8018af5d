"""Vectors that know where in a sequence they stand."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.behavior_ages import behavior_ages, newest_behaviors
from ranking.layers.clear_padding import clear_padding
from ranking.layers.mlp import Mlp

_POSITIONS = ("index", "time_difference")
_MERGES = ("add", "concat")


@keras.saving.register_keras_serializable(package="ranking")
class SequencePositions(keras.layers.Layer):
    """Gives vectors a position: behaviors `(B, T, d)` or targets `(B, C, d)` -> the same shape.

    Positions count from the present: a target is at 0, the newest behavior at 1, the one before it
    at 2. So neither padding nor the length of the history moves a behavior.

    Args:
        size: Width d.
        max_length: Last position. Behaviors before it are padding.
        position: `"index"`: each position has a vector of its own. `"time_difference"`: a small
            network makes the vector of `sign(x) log(1 + |x|)` for a time difference x, and the
            target's of 0. The sign lets differences be numbers that a spec has transformed.
        merge: `"add"` adds both vectors. `"concat"` puts them side by side and maps them to d:
            `[vector, position] W + bias`.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, N, d)`.
        behaviors_mask: Boolean tensor `(B, N)`, `True` at real behaviors, the newest last. `None`:
            these are targets.
        time_differences: Float tensor `(B, N)`: how long ago each behavior was. With
            `position="time_difference"` and behaviors, and only there.

    Returns:
        Float tensor `(B, N, d)`. What stands at padding is finite.

    Raises:
        ValueError: If an argument is out of range, or the tensors are not of these ranks.

    Example:
    >>> positions = SequencePositions(3, max_length=5)
    >>> mask = keras.ops.arange(4)[None] < 2
    >>> positions(keras.ops.ones((1, 4, 3)), mask).shape
    TensorShape([1, 4, 3])

    Reference:
        Behavior Sequence Transformer (arXiv 1905.06874), section 2.1.
    """

    def __init__(
        self,
        size: int,
        *,
        max_length: int = 50,
        position: str = "index",
        merge: str = "add",
        **kwargs: Any,
    ) -> None:
        # Times are not to be rounded before their logarithm: seconds of a day overflow halves.
        super().__init__(**{"autocast": False, **kwargs})
        check_count("size", size)
        check_count("max_length", max_length)
        check_choice("position", position, _POSITIONS)
        check_choice("merge", merge, _MERGES)
        self.size = size
        self.max_length = max_length
        self.position = position
        self.merge = merge
        common = {"dtype": self.dtype_policy}
        if position == "time_difference":
            self.time_network = Mlp((size,), size, name="time_network", **common)
        if merge == "concat":
            self.merge_layer = keras.layers.Dense(size, name="merge_layer", **common)

    def build(
        self,
        vectors_shape: Any,
        behaviors_mask_shape: Any = None,
        time_differences_shape: Any = None,
    ) -> None:
        if len(vectors_shape) != 3 or vectors_shape[-1] != self.size:
            raise ValueError(
                f"{type(self).__name__} of size {self.size} takes vectors of shape "
                f"(B, N, {self.size}). Received: vectors.shape={tuple(vectors_shape)}"
            )
        if self.position == "time_difference":
            self.time_network.build((*vectors_shape[:2], 1))
        else:
            self.table = self.add_weight(
                name="table",
                shape=(self.max_length + 1, self.size),
                initializer=keras.initializers.RandomNormal(stddev=0.05),
            )
        if self.merge == "concat":
            self.merge_layer.build((*vectors_shape[:2], 2 * self.size))
        self.built = True

    def call(self, vectors: Any, behaviors_mask: Any = None, time_differences: Any = None) -> Any:
        self._check_times(behaviors_mask, time_differences)
        vectors = ops.cast(vectors, self.compute_dtype)
        if behaviors_mask is None:
            positions = self._of_target()
        else:
            mask = newest_behaviors(behaviors_mask, self.max_length)
            vectors = clear_padding(vectors, mask)
            positions = self._of_behaviors(mask, time_differences)
        if self.merge == "add":
            return vectors + positions
        positions = ops.broadcast_to(positions, ops.shape(vectors))
        return self.merge_layer(ops.concatenate([vectors, positions], axis=-1))

    def compute_output_shape(
        self,
        vectors_shape: Any,
        behaviors_mask_shape: Any = None,
        time_differences_shape: Any = None,
    ) -> tuple[int | None, ...]:
        return tuple(vectors_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "max_length": self.max_length,
            "position": self.position,
            "merge": self.merge,
        }

    def _of_target(self) -> Any:
        """The position of a target, `(1, 1, d)`."""
        if self.position == "index":
            return ops.reshape(self._table()[0], (1, 1, self.size))
        return self.time_network(ops.zeros((1, 1, 1), self.compute_dtype))

    def _of_behaviors(self, mask: Any, time_differences: Any) -> Any:
        """The positions of at most `max_length` behaviors, `(B, T, d)`."""
        if self.position == "index":
            # Padding before all behaviors is one step older than the oldest.
            rows = ops.minimum(behavior_ages(mask), self.max_length - 1)
            return ops.take(self._table()[1:], rows, axis=0)
        times = ops.cast(ops.expand_dims(time_differences, -1), "float32")
        times = clear_padding(times, mask)
        return self.time_network(ops.sign(times) * ops.log1p(ops.abs(times)))

    def _table(self) -> Any:
        return ops.cast(self.table, self.compute_dtype)

    def _check_times(self, behaviors_mask: Any, time_differences: Any) -> None:
        wanted = self.position == "time_difference" and behaviors_mask is not None
        if wanted != (time_differences is not None):
            raise ValueError(
                f"{type(self).__name__} takes `time_differences` with behaviors and "
                f"`position='time_difference'`, and only there. Received: position="
                f"{self.position!r}, {'no ' if time_differences is None else ''}time_differences"
            )
