"""From training settings to a Keras optimizer."""

import keras

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
        optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
        optimizer.exclude_from_weight_decay(var_list=embedding_weights(model))
    elif settings.optimizer == "adagrad":
        optimizer = keras.optimizers.Adagrad(rate)
    else:
        optimizer = keras.optimizers.SGD(rate)
    if settings.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def embedding_weights(model: keras.Model) -> list[keras.Variable]:
    """The trainable weights of `model` that belong to embedding tables."""
    return [
        weight
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
        for weight in layer.trainable_variables
    ]


def _learning_rate(
    settings: TrainingSettings, total_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if settings.learning_rate_decay == "constant":
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(settings.learning_rate, max(total_steps, 1))
