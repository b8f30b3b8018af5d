"""Positives for a contrastive loss: for every row another one of the batch."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="ranking")
class PositiveSampler(keras.layers.Layer):
    """Draws for each row another valid row: `(N,)` mask -> `(N,)` row numbers.

    The valid rows stand in a circle, in random order, and each gets the one after it: a permutation
    without fixed points, in which every other row is equally likely. So each row is a positive
    exactly once.

    Args:
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        valid: Boolean tensor `(N,)`, `True` at rows that take part.

    Returns:
        Row numbers, int32 `(N,)`, always within the batch. A row that is not valid, or the only one
        that is, gets itself.

    Raises:
        ValueError: If `valid` is not of rank 1.

    Example:
    >>> import numpy as np
    >>> PositiveSampler(seed=1)(np.array([True, False, True])).numpy().tolist()
    [2, 1, 0]

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equations 5 and 8: the positive of a
        view is drawn from the batch's vectors of the same view.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
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

    def call(self, valid: Any) -> Any:
        chance = keras.random.uniform(ops.shape(valid), dtype="float32", seed=self.seed_generator)
        # The circle: valid rows in random order, then the others, which stand outside of it.
        order = ops.argsort(ops.where(valid, chance, 2.0))
        place = ops.cast(ops.argsort(order), "int32")
        last = ops.cast(ops.count_nonzero(valid), "int32") - 1
        after = ops.where(place < last, place + 1, 0)
        return ops.cast(ops.take(order, ops.where(valid, after, place)), "int32")

    def compute_output_spec(self, valid: Any) -> keras.KerasTensor:
        return keras.KerasTensor(valid.shape, dtype="int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
