"""Training steps on one batch that stays in memory: in the session layout, and with flat rows."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ranking.features.spec import FeatureSpec
from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import make_optimizer
from ranking.training.settings import TrainingSettings
from ranking.training.strategy import make_strategy
from tools.flat_keras import copy_weights, flat_aw_moe
from tools.training_load import Batch, flat_batch

_PLANNED_STEPS = 1_000_000


class SessionSteps:
    """The training step of `aw_moe` as `pipelines.train` takes it, all its losses included.

    Args:
        spec: What the batch fits.
        batch: Encoded sessions.
        settings: Those of the model; with a `contrastive_weight` of 0 the step has the ranking loss
            alone, and no other view of a session.
        parts: Parts of the batch that are computed side by side.

    Attributes:
        networks: What is trained.
        loop: What trains it.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        batch: Batch,
        settings: AwMoeSettings | None = None,
        *,
        parts: int = 1,
    ) -> None:
        training = TrainingSettings()
        self.networks: RankingNetworks = build("aw_moe", spec, settings or AwMoeSettings())
        optimizer = make_optimizer(training, self.networks.training, _PLANNED_STEPS)
        self.loop = TrainingLoop(self.networks, optimizer, make_strategy(1), parts=parts)
        read = next(self.loop.iterate(tf.data.Dataset.from_tensors(batch)))
        self._batches = iter(tf.data.Dataset.from_tensors(read).map(_as_read).cache().repeat())

    def run(self, steps: int) -> None:
        """Takes so many steps."""
        self.loop.run(self._batches, steps)


class FlatSteps:
    """The training step of the flat model on the same impressions, its ranking loss alone.

    So it is to be compared with a session layout that has no contrastive term either. The optimizer
    is Keras's own.

    Args:
        spec: What the batch fits.
        batch: Encoded sessions.
        settings: Those of the model.

    Attributes:
        model: What is trained.
    """

    def __init__(
        self, spec: FeatureSpec, batch: Batch, settings: AwMoeSettings | None = None
    ) -> None:
        training = TrainingSettings()
        self.model = flat_aw_moe(spec, settings or AwMoeSettings())
        rows = flat_batch(batch)
        inputs = {key: rows[key] for key in self.model.input}
        batches = tf.data.Dataset.from_tensors((inputs, rows[f"labels_{spec.tasks[0]}"]))
        self._batches = iter(batches.repeat())
        decay = training.weight_decay
        self._optimizer = keras.optimizers.AdamW(training.learning_rate, weight_decay=decay)
        self._optimizer.build(self.model.trainable_variables)
        self._loss = keras.losses.BinaryCrossentropy(from_logits=True)
        self._steps = tf.function(self._run)

    def run(self, steps: int) -> None:
        """Takes so many steps."""
        self._steps(self._batches, tf.constant(steps)).numpy()

    def _run(self, batches: tf.data.Iterator, steps: tf.Tensor) -> tf.Tensor:
        loss = tf.constant(0.0)
        for _ in tf.range(steps):
            inputs, labels = next(batches)
            with tf.GradientTape() as tape:
                logits = self.model(inputs, training=True)
                loss = self._loss(labels[:, None], logits[:, None])
            weights = self.model.trainable_variables
            self._optimizer.apply(tape.gradient(loss, weights), weights)
        return loss


def score_difference(networks: RankingNetworks, flat: keras.Model, batch: Batch) -> float:
    """Gives the flat model the networks' weights -> the largest difference of their scores."""
    copy_weights(networks.training, flat)
    rows = flat_batch(batch)
    found = tf.sigmoid(flat({key: rows[key] for key in flat.input}))
    scores = full_scores(networks, batch)[networks.tasks[0]]
    return float(np.abs(tf.reshape(scores, [-1]) - found).max())


def _as_read(batch: Mapping[str, Any]) -> Batch:
    """The batch with the shapes that records come in: how long lists are is not known before."""
    return {
        key: tf.raw_ops.PlaceholderWithDefault(
            input=value, shape=[value.shape[0], *([None] * (value.shape.rank - 1))]
        )
        for key, value in batch.items()
    }
