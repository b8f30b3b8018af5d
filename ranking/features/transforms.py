"""Steps on a dense field, in graph."""

import tensorflow as tf

from ranking.features.spec import Field, Transform


def transformed(field: Field, values: tf.Tensor) -> tf.Tensor:
    """Raw numbers of any shape -> float32 of that shape, transforms applied in the field's order.

    NaN becomes the field's default first; a field without a default keeps it.
    """
    values = tf.cast(values, tf.float32)
    if field.default is not None:
        values = tf.where(tf.math.is_nan(values), field.default, values)
    for step in field.transforms:
        values = _apply(step, values)
    return values


def _apply(step: Transform, values: tf.Tensor) -> tf.Tensor:
    if step.name == "log1p":
        return tf.math.log1p(tf.maximum(values, 0.0))
    first, second = step.arguments
    if step.name == "clip":
        return tf.clip_by_value(values, first, second)
    # Graphs multiply by the reciprocal of a constant anyway; so eager numbers are the same.
    return (values - first) * (1 / second)
