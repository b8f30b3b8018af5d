"""From training settings to a Keras optimizer."""

import keras

from ranking.training.loss_scale import LossScale
from ranking.training.row_adagrad import RowAdagrad
from ranking.training.row_adamw import RowAdamW
from ranking.training.row_sgd import RowSGD
from ranking.training.settings import TrainingSettings


def make_optimizer(
    settings: TrainingSettings, model: keras.Model, total_steps: int
) -> keras.optimizers.Optimizer:
    """Settings -> built optimizer for `model`'s trainable weights.

    Embedding tables are updated by row and left out of weight decay; gradients are added up over
    replicas, then clipped. `total_steps` is the length of the run, which a decaying learning rate
    needs. Under `mixed_float16` the optimizer scales the loss.
    """
    rate = _learning_rate(settings, total_steps)
    if settings.optimizer == "adamw":
        optimizer = RowAdamW(rate, weight_decay=settings.weight_decay)
    elif settings.optimizer == "adagrad":
        optimizer = RowAdagrad(rate)
    else:
        optimizer = RowSGD(rate)
    optimizer.update_by_row(embedding_weights(model))
    optimizer.clip_norm = settings.clip_norm
    if settings.precision == "mixed_float16":
        optimizer = LossScale(optimizer)
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
