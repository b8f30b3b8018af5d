"""AdamW that updates embedding tables by row."""

from typing import Any

import keras
import tensorflow as tf

from ranking.features.variable_rows import read_rows
from ranking.training.row_updates import RowUpdates


class RowAdamW(RowUpdates, keras.optimizers.AdamW):
    """Keras's AdamW for dense weights; for tables, Adam on the rows of the ids in the batch.

    For a row with gradient g at step t, counted over all steps and not those of the row:

        m <- b1 m + (1 - b1) g              v <- b2 v + (1 - b2) g^2
        row <- row - rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)

    Rows of other ids keep their numbers and their moments, which Keras would decay, and tables are
    not decayed. Where every row is in every batch this is Keras's Adam.
    """

    def __init__(self, learning_rate: Any, *, weight_decay: float) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay)

    def update_rows(self, table: tf.Variable, ids: Any, gradients: Any, rate: Any) -> None:
        index = self._get_variable_index(table)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations + 1, gradients.dtype)
        first = _moved(momentum, ids, gradients, 1 - self.beta_1)
        second = _moved(velocity, ids, tf.square(gradients), 1 - self.beta_2)
        rate *= tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        change = first * rate / (tf.sqrt(second) + self.epsilon)
        table.scatter_sub(tf.IndexedSlices(change, ids))


def _moved(slot: tf.Variable, ids: Any, values: Any, share: float) -> tf.Tensor:
    """Moves rows of `slot` towards `values` by `share` of the way -> where they are then."""
    rows = read_rows(slot, ids)
    rows += (values - rows) * share
    slot.scatter_update(tf.IndexedSlices(rows, ids))
    return rows
