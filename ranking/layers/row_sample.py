"""Some rows of a batch, at random."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class RowSample(keras.layers.Layer):
    """Draws valid rows without replacement: `(N,)` mask -> `(n,)` row numbers, n = min(N, count).

    A loss that compares all rows with all others costs the square of their number; a sample of
    them bounds that.

    Args:
        count: Number of rows at most.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        valid: Boolean tensor `(N,)`, `True` at rows that may be drawn.

    Returns:
        Row numbers, int32 `(n,)`, in random order with the valid ones first, and a boolean tensor
        `(n,)`, `True` at those.

    Raises:
        ValueError: If `count` is below 1, or `valid` is not of rank 1.

    Example:
    >>> import numpy as np
    >>> rows, valid = RowSample(2, seed=1)(np.array([False, True, False]))
    >>> int(rows[0]), valid.numpy().tolist()
    (1, [True, False])
    """

    def __init__(self, count: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        check_count("count", count)
        self.count = count
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # As in NegativeSampler: so that tf.train.Checkpoint finds the state.
        self.seed_state = self.seed_generator.state.value

    def build(self, valid_shape: Any) -> None:
        if len(valid_shape) != 1:
            raise ValueError(
                f"{type(self).__name__} takes `valid` of shape (N,). "
                f"Received: valid.shape={tuple(valid_shape)}"
            )
        self.built = True

    def call(self, valid: Any) -> tuple[Any, Any]:
        chance = keras.random.uniform(ops.shape(valid), dtype="float32", seed=self.seed_generator)
        order = ops.argsort(ops.where(valid, chance, 2.0))
        rows = ops.cast(order[: self.count], "int32")
        return rows, ops.take(valid, rows)

    def compute_output_spec(self, valid: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        size = valid.shape[0]
        shape = (None if size is None else min(size, self.count),)
        return keras.KerasTensor(shape, dtype="int32"), keras.KerasTensor(shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "seed": self.seed}
