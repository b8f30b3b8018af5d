"""Gradient descent that updates embedding tables by row."""

from typing import Any

import keras
import tensorflow as tf

from ranking.training.row_updates import RowUpdates, move_rows


class RowSGD(RowUpdates, keras.optimizers.SGD):
    """Keras's gradient descent, without momentum: row <- row - rate g."""

    def __init__(self, learning_rate: Any) -> None:
        super().__init__(learning_rate)

    def update_rows(self, table: tf.Variable, ids: Any, gradients: Any, rate: Any) -> None:
        move_rows(table, ids, rate * gradients)
