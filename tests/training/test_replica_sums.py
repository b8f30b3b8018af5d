"""Sums of gradients over replicas, in a loop whose iterations have another number of rows each."""

import numpy as np
import tensorflow as tf

from ranking.training.replica_sums import sum_over_replicas, sum_rows
from tests.helpers.logical_devices import two_replicas

ROWS, WIDTH = 13, 3
# Ids of the rows of both replicas, at each step.
IDS = [[[7, 2, 7], [2, 0]], [[], [5, 5, 5, 12]], [[1], []], [[], []], [[3, 4], [3, 4]]]


def _gradient(ids: tf.Tensor, step: tf.Tensor) -> tf.IndexedSlices:
    """Row i of those of a replica is its id + 1 + 10 i + 100 step, times 1, 2 and 3."""
    places = tf.range(tf.size(ids), dtype=ids.dtype)
    firsts = tf.cast(ids + 1 + 10 * places + 100 * tf.cast(step, ids.dtype), tf.float32)
    rows = firsts[:, tf.newaxis] * tf.constant([1.0, 2.0, 3.0])
    return tf.IndexedSlices(rows, ids, tf.constant([ROWS, WIDTH]))


def _expected(step: int) -> np.ndarray:
    table = np.zeros((ROWS, WIDTH))
    for ids in IDS[step]:
        for place, one in enumerate(ids):
            table[one] += (one + 1 + 10 * place + 100 * step) * np.arange(1, 4)
    return table


def test_rows_of_replicas_are_added_up_in_a_loop() -> None:
    strategy = two_replicas()
    all_ids = tf.ragged.constant(IDS, dtype=tf.int64)

    def replica_step(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        ids = all_ids[step][replica]
        dense = tf.cast(replica + 1, tf.float32) * tf.constant([1.0, 10.0])
        rows, nothing, sums = sum_over_replicas([_gradient(ids, step), None, dense])
        assert nothing is None and isinstance(rows, tf.IndexedSlices)
        return tf.convert_to_tensor(rows), tf.size(rows.indices), sums

    @tf.function
    def run(steps: tf.Tensor) -> list[tf.Tensor]:
        results = [tf.TensorArray(dtype, steps) for dtype in 2 * [tf.float32, tf.int32, tf.float32]]
        for step in tf.range(steps):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            values = strategy.run(replica_step, args=(step,))
            first, second = zip(*map(strategy.experimental_local_results, values), strict=True)
            results = [
                result.write(step, value)
                for result, value in zip(results, [*first, *second], strict=True)
            ]
        return [result.stack() for result in results]

    results = run(tf.constant(len(IDS)))
    for tables, counts, dense in (results[:3], results[3:]):
        for step, table in enumerate(tables.numpy()):
            np.testing.assert_array_equal(table, _expected(step))
        distinct = [len({one for part in ids for one in part}) for ids in IDS]
        assert counts.numpy().tolist() == distinct
        np.testing.assert_array_equal(dense, len(IDS) * [[3.0, 30.0]])


def test_rows_of_one_id_become_one() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    ids = np.array([7, 2, 7, 7])
    summed = sum_rows(tf.IndexedSlices(values, ids, tf.constant([ROWS, WIDTH])))
    assert summed.indices.numpy().tolist() == [7, 2]
    np.testing.assert_array_equal(summed.values, [values[[0, 2, 3]].sum(axis=0), values[1]])
