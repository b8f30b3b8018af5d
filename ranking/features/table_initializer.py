"""Where the rows of embedding tables start."""

from typing import Any

import keras
import tensorflow as tf

_SEEDS = tf.int32.max - 1  # Keras takes larger seeds for what is left of them.


@keras.saving.register_keras_serializable(package="ranking")
class TableNormal(keras.initializers.RandomNormal):
    """The numbers of `keras.initializers.RandomNormal`, drawn where they stay.

    Keras draws, scales and shifts one after the other and holds every result as a whole, which
    takes three times the memory of a table. In a graph the last two change in place what was
    drawn. The graph gets the seed when it runs: one that knew it would be taken for a constant and
    drawn once more while it is optimized.

    Example:
    >>> ours = TableNormal(stddev=0.05, seed=1)((3, 2))
    >>> theirs = keras.initializers.RandomNormal(stddev=0.05, seed=1)((3, 2))
    >>> bool(keras.ops.all(ours == theirs))
    True
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if not isinstance(self.seed, int):  # A generator, whose state moves on.
            return super().__call__(shape, dtype)
        dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())

        def draw(seed: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_normal(shape, seed, self.mean, self.stddev, dtype)

        seed = self.seed % _SEEDS
        return tf.function(draw)(tf.constant([seed, 0], tf.int32))
