"""Optimizers by row: replicas, clipping, and what is a table."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.training.row_adagrad import RowAdagrad
from ranking.training.row_adamw import RowAdamW
from ranking.training.row_sgd import RowSGD
from tests.helpers.logical_devices import two_replicas
from tests.helpers.table_updates import ROWS, WIDTH, gradients, train, weights
from tests.helpers.weights import numbers

OPTIMIZERS = {
    "adamw": lambda: RowAdamW(0.1, weight_decay=0.5),
    "adagrad": lambda: RowAdagrad(0.1),
    "sgd": lambda: RowSGD(0.1),
}


@pytest.mark.parametrize("clip_norm", [None, 2.0])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_two_replicas_are_one_with_all_rows(
    make: Callable[[], keras.optimizers.Optimizer], clip_norm: float | None
) -> None:
    """Also where an id is on both replicas, and where one of them has no row at all."""
    one, strategy = make(), two_replicas()
    one.clip_norm = clip_norm
    expected = train(one, weights())[-1]
    with strategy.scope():
        variables, two = weights(), make()
        two.clip_norm = clip_norm
        two.update_by_row(variables[:1])
        two.build(variables)

    def replica_step(ids: tf.Tensor, rows: tf.Tensor, dense: tf.Tensor) -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        here = tf.range(tf.size(ids)) // 2 % 2 == replica
        ids, rows = tf.boolean_mask(ids, here), tf.boolean_mask(rows, here)
        table = tf.IndexedSlices(rows, ids, tf.constant([ROWS, WIDTH]))
        two.apply([table, dense * tf.constant([0.25, 0.75])[replica]], variables)

    @tf.function(reduce_retracing=True)
    def run(*values: tf.Tensor) -> None:
        strategy.run(replica_step, args=values)

    for values in gradients():
        run(*map(tf.constant, values))
    for variable, number in zip([*variables, *two.variables], expected, strict=True):
        for part in strategy.experimental_local_results(variable.value):
            np.testing.assert_allclose(part.numpy(), number, rtol=2e-6, atol=1e-7)


def test_the_norm_is_that_of_all_gradients_after_the_sum_of_rows() -> None:
    """Rows that cancel out do not count; a shorter gradient than the bound stays."""
    clipped, plain = weights(), weights()
    optimizer = RowSGD(0.1)
    optimizer.clip_norm = 5.0
    train(optimizer, clipped)
    table, dense = (variable.numpy().astype(np.float64) for variable in plain)
    shares = []
    for ids, rows, gradient in gradients():
        whole = np.zeros((ROWS, WIDTH))
        for one, row in zip(ids, rows, strict=True):
            whole[one] += row
        norm = np.sqrt((whole**2).sum() + (gradient.astype(np.float64) ** 2).sum())
        shares.append(min(1.0, 5.0 / norm))
        table -= 0.1 * shares[-1] * whole
        dense -= 0.1 * shares[-1] * gradient
    assert min(shares) < 1.0 == max(shares)
    np.testing.assert_allclose(clipped[0].numpy(), table, rtol=1e-5)
    np.testing.assert_allclose(clipped[1].numpy(), dense, rtol=1e-5)


def test_rows_of_what_is_no_table_are_kerass_update() -> None:
    """A weight that a layer gathers from is updated as a whole, and decayed."""
    ours, theirs = weights(), weights()
    optimizers = (RowAdamW(0.1, weight_decay=0.5), keras.optimizers.AdamW(0.1, 0.5))
    for ids, rows, _ in gradients():
        gradient = tf.IndexedSlices(rows, ids, tf.constant([ROWS, WIDTH]))
        optimizers[0].apply([gradient], ours[:1])
        optimizers[1].apply([tf.convert_to_tensor(gradient)], theirs[:1])
    np.testing.assert_allclose(*numbers([ours[0], theirs[0]]), atol=1e-5)
