"""Rows of replicas in one place: from devices, and piece by piece as machines exchange them."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ranking.training.replica_rows import join_devices, join_machines
from ranking.training.row_adamw import RowAdamW
from tests.helpers.logical_devices import two_replicas
from tests.helpers.table_updates import train, weights
from tests.helpers.two_workers import run_two_workers

# Ids of both replicas, at each step; each comes with a row that tells where it is from.
IDS = [[[7, 2, 6, 1, 0, 5, 4], [2, 0]], [[], [5, 3, 1]], [[], []], [[1, 2, 3], [4, 5, 6]]]


def _rows(step: int, replica: int) -> list[tuple[int, int]]:
    return [(one, 100 * step + 10 * replica + at) for at, one in enumerate(IDS[step][replica])]


@pytest.mark.parametrize("table_rows", [11, 2])
@pytest.mark.parametrize("machines", [True, False])
def test_all_rows_arrive_once(machines: bool, table_rows: int) -> None:
    """For pieces of three rows, or two where the table has no more."""
    strategy = two_replicas()
    all_ids = tf.ragged.constant(IDS, dtype=tf.int32)

    def join(strategy, gradients):
        if machines:
            return join_machines(strategy, gradients, piece_rows=3)
        return join_devices(strategy, gradients)

    def replica_step(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group
        ids = all_ids[step][replica]
        start = 100 * tf.cast(step, tf.float32) + 10 * tf.cast(replica, tf.float32)
        values = start + tf.range(tf.cast(tf.size(ids), tf.float32))
        gradient = tf.IndexedSlices(
            tf.stack([values, -values], axis=1), ids, tf.constant([table_rows, 2])
        )
        other = tf.IndexedSlices(gradient.values, ids + 20, gradient.dense_shape)
        joined = context.merge_call(join, args=([gradient, other],))
        return tuple(part for each in joined for part in (each.indices, each.values))

    @tf.function
    def run(step: tf.Tensor) -> list[tuple[tf.Tensor, ...]]:
        results = strategy.run(replica_step, args=(step,))
        return list(zip(*map(strategy.experimental_local_results, results), strict=True))

    for step in range(len(IDS)):
        expected = sorted(_rows(step, 0) + _rows(step, 1))
        for ids, values, more_ids, more_values in run(tf.constant(step)):
            assert sorted(zip(ids.numpy(), values.numpy()[:, 0], strict=True)) == expected
            np.testing.assert_array_equal(values[:, 1], -values[:, 0])
            np.testing.assert_array_equal(np.sort(more_ids), np.sort(ids + 20))
            assert sorted(more_values.numpy()[:, 0]) == sorted(value for _, value in expected)


@pytest.mark.slow
def test_two_machines_are_one_with_all_rows(tmp_path: Path) -> None:
    """For steps of one call, each with another number of rows, and none at all on a machine."""
    for code, _, err in run_two_workers([str(tmp_path)], module="tests.helpers.row_worker"):
        assert code == 0, err
    one = RowAdamW(0.1, weight_decay=0.5)
    one.clip_norm = 2.0
    expected = train(one, weights())[-1]
    first, second = (np.load(tmp_path / f"state-{index}.npz") for index in range(2))
    for name, number in zip(first, expected, strict=True):
        np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_allclose(first[name], number, rtol=2e-6, atol=1e-7)
