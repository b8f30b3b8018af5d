"""Trains the models that are built with tensorflow-recommenders."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tf_keras

from pipelines.tfrs_settings import TfrsTraining
from ranking.features.dataset import training_batches, training_steps
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.features.reading_errors import explained
from tools.tfrs_models import ImpressionModel

Observe = Callable[[Mapping[str, float]], None]


class TfrsTrainer:
    """Trains a model epoch by epoch and keeps the weights of the best one.

    Args:
        model: The model, its weights not made yet.
        data: Prepared data.
        encoder: Encoder of the data's spec.
        task: The label.
        training: How to train.
        seed: Seeds batches and sampling; weights are seeded by whoever makes the model.

    Attributes:
        steps: Steps of one epoch.
        best_step: The step whose weights the model has at the end.
        history: An entry for each epoch: `epoch`, `step`, `loss`, and `validation_session_auc`
            where there is a validation split.

    Raises:
        ValueError: If the train split does not fill one batch.
    """

    def __init__(
        self,
        model: ImpressionModel,
        data: PreparedData,
        encoder: Encoder,
        task: str,
        training: TfrsTraining,
        seed: int,
    ) -> None:
        self._model = model
        self._data = data
        self._encoder = encoder
        self._training = training
        self._seed = seed
        self._reading: dict[str, Any] = {
            "split": "train",
            "sessions_per_batch": _sessions_per_batch(data, task, training),
            "label": task,
            "negatives_per_positive": training.negatives_per_positive,
        }
        self.steps = training_steps(data, **self._reading)
        if self.steps < 1:
            raise ValueError(
                f"{data.folder} must hold at least one batch of training sessions. Prepare more "
                f"sessions, or set a smaller `batch_size` (now {training.batch_size} impressions)."
            )
        model.compile(optimizer=_optimizer(training, self.steps * training.epochs))
        self.best_step = 0
        self.history: list[dict[str, float]] = []

    def train(self, validate: Callable[[], float] | None, observe: Observe) -> None:
        """Trains to the end -> the model has the best epoch's weights, the last one's without one.

        Args:
            validate: Measures the session AUC of the model as it is.
            observe: Called with every new entry of the history.
        """
        best, weights, stale = -np.inf, [], 0
        for epoch in range(self._training.epochs):
            entry = self._train_epoch(epoch)
            if validate is not None:
                entry["validation_session_auc"] = validate()
            value = entry.get("validation_session_auc", np.nan)
            stale += 1
            if not value <= best:  # NaN, where nothing can be measured, makes the newest the best
                best, stale, self.best_step = value, 0, int(entry["step"])
                weights = self._model.get_weights()
            self.history.append(entry)
            observe(entry)
            if self._training.patience and stale >= self._training.patience:
                break
        self._model.set_weights(weights)

    def _train_epoch(self, epoch: int) -> dict[str, float]:
        batches = training_batches(
            self._data,
            self._encoder,
            **self._reading,
            replicas=1,
            seed=self._seed,
            epoch=epoch,
            skip_batches=0,
            pad_to_max=False,
        )
        keys = self._model.keys
        batches = batches.map(lambda batch: {key: batch[key] for key in keys})  # no text
        with explained(self._data):
            fitted = self._model.fit(batches, epochs=1, verbose=0)
        loss = float(fitted.history["mean_loss"][-1])
        return {"epoch": epoch + 1.0, "step": float((epoch + 1) * self.steps), "loss": loss}


def _sessions_per_batch(data: PreparedData, task: str, training: TfrsTraining) -> int:
    """Sessions that hold about `batch_size` impressions."""
    split, ratio = data.manifest.splits["train"], training.negatives_per_positive
    sessions, impressions = split.sessions, split.candidates
    if ratio is not None:
        sessions = split.sessions_with_positive[task]
        impressions = min(impressions, round(split.positives[task] * (1 + ratio)))
    return max(1, round(training.batch_size * sessions / max(impressions, 1)))


def _optimizer(training: TfrsTraining, total_steps: int) -> tf_keras.optimizers.Optimizer:
    rate = training.learning_rate
    if training.learning_rate_decay == "cosine":
        rate = tf_keras.optimizers.schedules.CosineDecay(rate, total_steps)
    if training.optimizer == "adam":
        return tf_keras.optimizers.Adam(rate)
    if training.optimizer == "adagrad":
        return tf_keras.optimizers.Adagrad(rate)
    optimizer = tf_keras.optimizers.AdamW(rate, weight_decay=training.weight_decay)
    # A decayed table changes in every row at every step, seen or not.
    optimizer.exclude_from_weight_decay(var_names=["_table/"])
    return optimizer
