"""Adagrad that updates embedding tables by row."""

from typing import Any

import keras
import tensorflow as tf

from ranking.features.variable_rows import read_rows
from ranking.training.row_updates import RowUpdates, move_rows


class RowAdagrad(RowUpdates, keras.optimizers.Adagrad):
    """Keras's Adagrad, at a cost that does not depend on the number of rows of a table.

    For a row with gradient g: a <- a + g^2; row <- row - rate g / sqrt(a + epsilon). A row without
    a gradient stays, in Keras's as well.
    """

    def __init__(self, learning_rate: Any) -> None:
        super().__init__(learning_rate)

    def update_rows(self, table: tf.Variable, ids: Any, gradients: Any, rate: Any) -> None:
        accumulator = self._accumulators[self._get_variable_index(table)].value
        sums = read_rows(accumulator, ids) + tf.square(gradients)
        accumulator.scatter_update(tf.IndexedSlices(sums, ids))
        move_rows(table, ids, rate * gradients / tf.sqrt(sums + self.epsilon))
