"""AdamW that updates embedding tables by row."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ranking.features.variable_rows import read_rows
from ranking.training.row_updates import RowUpdates, move_rows


class RowAdamW(RowUpdates, keras.optimizers.AdamW):
    """Keras's AdamW for dense weights; for tables, Adam on the rows of the ids in the batch.

    For a row with gradient g at step t, counted over all steps and not those of the row:

        m <- b1 m + (1 - b1) g              v <- b2 v + (1 - b2) g^2
        row <- row - rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

    Rows of other ids keep their numbers and their moments, which Keras would decay, and tables are
    not decayed. Where every row is in every batch this is Keras's Adam. Dense weights are so up to
    rounding: TensorFlow's kernel takes 1 - b of the rounded b.
    """

    def __init__(self, learning_rate: Any, *, weight_decay: float) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)

    def update_rows(self, table: tf.Variable, ids: Any, gradients: Any, rate: Any) -> None:
        index = self._get_variable_index(table)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        first = _moved(momentum, ids, gradients, 1 - self.beta_1)
        second = _moved(velocity, ids, tf.square(gradients), 1 - self.beta_2)
        move_rows(table, ids, first * rate / (tf.sqrt(second) + self.epsilon))

    def update_dense(self, variable: Any, gradient: Any, rate: Any) -> None:
        index = self._get_variable_index(variable)
        # One operation; Keras's formula is twenty, each of them short for most weights.
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=0.0,  # The rate is corrected already.
            beta2_power=0.0,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        # The correction for moments that start at zero is the same for all weights.
        rate = tf.convert_to_tensor(learning_rate)
        step = tf.cast(self.iterations + 1, rate.dtype)
        rate *= tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        super()._backend_update_step(grads, trainable_variables, rate)


def _moved(slot: tf.Variable, ids: Any, values: Any, share: float) -> tf.Tensor:
    """Moves rows of `slot` towards `values` by `share` of the way -> where they are then."""
    rows = read_rows(slot, ids)
    rows += (values - rows) * share
    slot.scatter_update(tf.IndexedSlices(rows, ids))
    return rows
