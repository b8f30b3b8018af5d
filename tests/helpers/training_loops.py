"""Training loops of new models."""

import keras
import tensorflow as tf

from ranking.features.spec import FeatureSpec
from ranking.models.catalog import build, model_entry
from ranking.settings_parser import apply_overrides
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import make_optimizer
from ranking.training.settings import TrainingSettings


def training_loop(
    strategy: tf.distribute.Strategy,
    spec: FeatureSpec,
    settings: TrainingSettings,
    *,
    model: str = "aw_moe",
    **overrides: str,
) -> TrainingLoop:
    """Loop of a model with settings of its own by name, from the same weights every time."""
    keras.utils.set_random_seed(7)
    entry = model_entry(model)
    with strategy.scope():
        networks = build(model, spec, apply_overrides(entry.settings_class(), overrides))
        optimizer = make_optimizer(settings, networks.training, 100)
        return TrainingLoop(
            networks, optimizer, strategy, xla=settings.xla, parts=settings.batch_parts
        )
