"""Loss scaling: which steps are skipped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.training.loss_scale import LossScale
from ranking.training.row_adamw import RowAdamW
from tests.helpers.logical_devices import two_replicas
from tests.helpers.table_updates import ROWS, WIDTH, weights
from tests.helpers.weights import numbers


def _built(variables: list[keras.Variable]) -> LossScale:
    inner = RowAdamW(0.1, weight_decay=0.0)
    inner.update_by_row(variables[:1])
    optimizer = LossScale(inner)
    optimizer.build(variables)
    return optimizer


def _gradients(bad: float = 0.0) -> list:
    """Two rows of one id, the first of them `bad` somewhere, and a dense gradient."""
    rows = tf.stack([[1.0, 2.0, bad], [3.0, 4.0, 5.0]])
    return [tf.IndexedSlices(rows, tf.constant([7, 7]), tf.constant([ROWS, WIDTH])), tf.ones(5)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_skips_the_step(bad: float) -> None:
    variables = weights()
    optimizer = _built(variables)
    before = numbers(variables)
    optimizer.apply(_gradients(bad), variables)
    for old, new in zip(before, numbers(variables), strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(optimizer.dynamic_scale) == 2.0**14
    assert int(optimizer.iterations) == 0


def test_a_finite_step_divides_by_the_scale() -> None:
    scaled, plain = weights(), weights()
    optimizer, inner = _built(scaled), RowAdamW(0.1, weight_decay=0.0)
    inner.update_by_row(plain[:1])
    table, dense = _gradients(6.0)
    scale = optimizer.dynamic_scale
    rows = tf.IndexedSlices(table.values * scale, table.indices, table.dense_shape)
    optimizer.apply([rows, dense * scale], scaled)
    inner.apply([table, dense], plain)
    for mine, his in zip(numbers(scaled), numbers(plain), strict=True):
        np.testing.assert_array_equal(mine, his)


@pytest.mark.parametrize("bad_replica", [0, 1])
def test_no_replica_takes_a_step_that_another_skips(bad_replica: int) -> None:
    strategy = two_replicas()
    with strategy.scope():
        variables = weights()
        optimizer = _built(variables)
    before = numbers(variables)

    @tf.function
    def step() -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        bad = tf.where(replica == bad_replica, np.inf, 6.0)
        optimizer.apply(_gradients(bad), variables)

    strategy.run(step)
    for variable, number in zip(variables, before, strict=True):
        for part in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(part.numpy(), number)
    assert optimizer.dynamic_scale.value.numpy() == 2.0**14
