"""Loss scaling that looks at tables by row, and at all replicas."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras's loss scaling, which skips a step whose gradients are not finite on any replica.

    Keras asks the first replica alone, and of a table's gradient it makes one of the table's size,
    in which the last of several rows for an id stands for all.
    """

    def check_finite(self, grads: Sequence[Any]) -> tf.Tensor:
        """Gradients of this replica -> whether those of all replicas are finite."""
        numbers = [getattr(each, "values", each) for each in grads if each is not None]
        is_finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in numbers])
        context = tf.distribute.get_replica_context()
        overflows = tf.cast(~is_finite, tf.float32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, overflows) < 0.5
