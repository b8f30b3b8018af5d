"""Rows are gathered from where a variable is stored, mirrored or not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features.variable_rows import read_rows
from tests.helpers.graph_shapes import output_shapes
from tests.helpers.logical_devices import two_replicas

TABLE = np.arange(33, dtype=np.float32).reshape(11, 3)
IDS = np.array([[7, 2], [7, 0]])


def _variable(strategy: tf.distribute.Strategy) -> keras.Variable:
    with strategy.scope():
        return keras.Variable(TABLE)


@pytest.mark.parametrize("replicas", [1, 2])
def test_rows_are_read_without_the_rest(replicas: int) -> None:
    strategy = two_replicas() if replicas == 2 else tf.distribute.get_strategy()
    variable = _variable(strategy)

    def replica_rows() -> tuple[tf.Tensor, tf.IndexedSlices]:
        with tf.GradientTape() as tape:
            rows = read_rows(variable.value, IDS)
        return rows, tape.gradient(rows, variable.value)

    run = tf.function(lambda: strategy.run(replica_rows)).get_concrete_function()
    assert "ResourceGather" in {operation for operation, _ in output_shapes(run)}
    assert TABLE.shape not in {shape for _, shape in output_shapes(run)}
    for rows, gradient in zip(*map(strategy.experimental_local_results, run()), strict=True):
        np.testing.assert_array_equal(rows, TABLE[IDS])
        assert gradient.indices.numpy().tolist() == [7, 2, 7, 0]


def test_a_mirrored_variable_is_read_outside_of_replicas_too() -> None:
    np.testing.assert_array_equal(read_rows(_variable(two_replicas()).value, IDS), TABLE[IDS])
