"""Which positions of a padded tensor hold something."""

from collections.abc import Mapping

import tensorflow as tf


def clip_lengths(lengths: tf.Tensor, width: tf.Tensor | int) -> tf.Tensor:
    """Lengths of any shape -> int32 lengths within 0 and `width`."""
    return tf.clip_by_value(tf.cast(lengths, tf.int32), 0, width)


def valid_positions(lengths: tf.Tensor, width: tf.Tensor | int) -> tf.Tensor:
    """Lengths `[...]` -> bool `[..., width]`, True at the positions before the length."""
    return tf.range(width) < lengths[..., None]


def keep_newest(
    values: Mapping[str, tf.Tensor], lengths: tf.Tensor, limit: int
) -> dict[str, tf.Tensor]:
    """Cuts `[B, T, ...]` tensors to the last `limit` valid positions of every row.

    Padding is at the end of a row and the newest behavior is the last valid one. Tensors that are
    no wider than `limit` are left alone; rows of wider ones keep their order.

    Args:
        values: Tensors with the same first two dimensions.
        lengths: int32 `[B]`, at most T.
        limit: Most positions to keep.
    """
    width = next(iter(values.values())).shape[1]
    if width is not None and width <= limit:
        return dict(values)

    def gather() -> dict[str, tf.Tensor]:
        start = tf.maximum(lengths - limit, 0)
        positions = start[:, None] + tf.range(limit)
        return {key: tf.gather(value, positions, batch_dims=1) for key, value in values.items()}

    if width is not None:
        return gather()
    is_wider = tf.shape(next(iter(values.values())))[1] > limit
    return tf.cond(is_wider, gather, lambda: dict(values))
