"""From training settings to a Keras optimizer."""

from typing import Any

import keras
import tensorflow as tf

from ranking.training.settings import TrainingSettings


def make_optimizer(
    settings: TrainingSettings, model: keras.Model, total_steps: int
) -> keras.optimizers.Optimizer:
    """Settings -> built optimizer for `model`'s trainable weights.

    Embedding tables are left out of weight decay. `total_steps` is the length of the run, which a
    decaying learning rate needs. Under `mixed_float16` the optimizer scales the loss.
    """
    rate = _learning_rate(settings, total_steps)
    if settings.optimizer == "adamw":
        optimizer = _AdamW(rate, weight_decay=settings.weight_decay)
        optimizer.exclude_from_weight_decay(var_list=embedding_weights(model))
    elif settings.optimizer == "adagrad":
        optimizer = _Adagrad(rate)
    else:
        optimizer = keras.optimizers.SGD(rate)
    if settings.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def embedding_weights(model: keras.Model) -> list[keras.Variable]:
    """The trainable weights of the functional `model` that belong to embedding tables.

    Tables are found among the layers of its graph, not within other layers.
    """
    return [
        weight
        for layer in model.layers
        if isinstance(layer, keras.layers.Embedding)
        for weight in layer.trainable_variables
    ]


def _learning_rate(
    settings: TrainingSettings, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if settings.learning_rate_decay == "constant":
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(settings.learning_rate, max(total_steps, 1))


class _RowSums:
    """Makes an optimizer add up the rows of a table's gradient that belong to the same id.

    Keras squares them one by one, so that the second moment of an id that is twice in a batch would
    be that of half its gradient.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        # Rows come from all replicas at this point.
        super().update_step(_sum_rows(gradient), variable, learning_rate)  # type: ignore[misc]


class _AdamW(_RowSums, keras.optimizers.AdamW):
    pass


class _Adagrad(_RowSums, keras.optimizers.Adagrad):
    pass


def _sum_rows(gradient: Any) -> Any:
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    ids, places = tf.unique(gradient.indices)
    rows = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(ids))
    return tf.IndexedSlices(rows, ids, gradient.dense_shape)
