"""Gradients of one replica to gradients of the whole batch."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ranking.training.replica_rows import join_devices, join_machines


def sum_over_replicas(gradients: Sequence[Any]) -> list[Any]:
    """This replica's gradients -> their sums over all replicas, the same on each.

    That of a table stays `tf.IndexedSlices` and comes with one row for each id that any replica
    has read, the sum of all of its rows; nothing of the size of a table is made. To be called in a
    replica context; `None` stays `None`.
    """
    summed = [sum_rows(gradient) for gradient in gradients]
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return summed
    by_row = [at for at, each in enumerate(summed) if isinstance(each, tf.IndexedSlices)]
    dense = [at for at, each in enumerate(summed) if each is not None and at not in by_row]
    sums = context.all_reduce(tf.distribute.ReduceOp.SUM, [summed[at] for at in dense])
    rows = context.merge_call(_joined, args=([summed[at] for at in by_row],)) if by_row else []
    for at, value in zip([*dense, *by_row], [*sums, *rows], strict=True):
        summed[at] = value
    return summed


def sum_rows(gradient: Any) -> Any:
    """A gradient -> the same; that of a table with one row for each id, the sum of all of its rows.

    An adaptive optimizer squares rows, and the square of a sum is not the sum of the squares.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    ids, places = tf.unique(gradient.indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(ids))
    return tf.IndexedSlices(rows, ids, gradient.dense_shape)


def _joined(strategy: tf.distribute.Strategy, gradients: list[Any]) -> list[tf.IndexedSlices]:
    """Gradients of tables, a part on each replica -> their sums, which each replica may read."""
    several_machines = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    join = join_machines if several_machines else join_devices
    with tf.device(strategy.extended.worker_devices[0]):
        return [sum_rows(gradient) for gradient in join(strategy, gradients)]
