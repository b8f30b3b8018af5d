"""Rows of tables' gradients from all replicas in one place.

TensorFlow's own sum of rows over replicas is a collective operation, whose shape must not change
between the iterations of a loop, while the number of rows does.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_PIECE_ROWS = 8192


def join_devices(
    strategy: tf.distribute.Strategy, gradients: Sequence[Any]
) -> list[tf.IndexedSlices]:
    """Rows of the replicas of one machine, which are tensors of one graph.

    Args:
        strategy: A strategy on one machine, in cross-replica context.
        gradients: `tf.IndexedSlices` of each replica, for each table.

    Returns:
        For each table, the rows of the first replica followed by those of the others.
    """
    parts = [strategy.experimental_local_results(gradient) for gradient in gradients]
    return [
        tf.IndexedSlices(
            tf.concat([part.values for part in table], axis=0),
            tf.concat([part.indices for part in table], axis=0),
            table[0].dense_shape,
        )
        for table in parts
    ]


def join_machines(
    strategy: tf.distribute.Strategy, gradients: Sequence[Any], piece_rows: int = _PIECE_ROWS
) -> list[tf.IndexedSlices]:
    """Rows of the replicas of several machines, which exchange them in pieces of one size: as many
    as the replica with the most rows needs.

    Args:
        strategy: A strategy on any number of machines, in cross-replica context.
        gradients: `tf.IndexedSlices` of each replica, for each table.
        piece_rows: Rows of a piece at most; a piece has no more than the table has.

    Returns:
        For each table, the rows of all replicas, piece by piece.
    """
    counts = strategy.gather(strategy.run(_row_counts, args=(gradients,)), axis=0)
    most = tf.reduce_max(counts, axis=0)  # (tables,)
    return [
        _exchanged(strategy, gradient, most[at], piece_rows)
        for at, gradient in enumerate(gradients)
    ]


def _row_counts(gradients: Sequence[tf.IndexedSlices]) -> tf.Tensor:
    return tf.stack([tf.shape(gradient.indices)[0] for gradient in gradients])[tf.newaxis]


def _exchanged(
    strategy: tf.distribute.Strategy, gradient: Any, most: tf.Tensor, piece_rows: int
) -> tf.IndexedSlices:
    local = strategy.experimental_local_results(gradient)[0]
    size = min(piece_rows, local.shape[0] or piece_rows)

    def exchange(start: tf.Tensor, ids: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        piece = strategy.run(_piece, args=(gradient, start, size))
        more_ids, more_rows = (strategy.gather(part, axis=0) for part in piece)
        valid = more_ids >= 0
        ids = tf.concat([ids, tf.boolean_mask(more_ids, valid)], axis=0)
        rows = tf.concat([rows, tf.boolean_mask(more_rows, valid)], axis=0)
        return start + size, ids, rows

    shapes = [tf.TensorShape([None, *part.shape[1:]]) for part in (local.indices, local.values)]
    _, ids, rows = tf.while_loop(
        lambda start, *_: start < most,
        exchange,
        (tf.constant(0), local.indices[:0], local.values[:0]),
        shape_invariants=(tf.TensorShape([]), *shapes),
        parallel_iterations=1,
    )
    return tf.IndexedSlices(rows, ids, local.dense_shape)


def _piece(gradient: tf.IndexedSlices, start: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Ids and rows from `start` on, `size` of them: the missing ones are -1 and zeros."""
    ids, rows = gradient.indices[start : start + size], gradient.values[start : start + size]
    missing = size - tf.shape(ids)[0]
    ids = tf.concat([ids, tf.fill([missing], tf.constant(-1, ids.dtype))], axis=0)
    rows = tf.concat([rows, tf.zeros([missing, *rows.shape[1:]], rows.dtype)], axis=0)
    return tf.ensure_shape(ids, [size]), tf.ensure_shape(rows, [size, *rows.shape[1:]])
