"""A training run from its first step to its last, or from the checkpoint it was stopped at."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping

import keras
import tensorflow as tf

from ranking.features.dataset import training_batches, training_steps
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.models.catalog import build
from ranking.models.networks import RankingNetworks
from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.evaluation import Evaluation
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import make_optimizer
from ranking.training.run_folder import Run
from ranking.training.score_function import score_function
from ranking.training.split_evaluation import evaluate_split

Observer = Callable[[Progress, Mapping[str, float]], None]


class Trainer:
    """Builds what a run trains, and trains it.

    Args:
        run: What to train and where its folder is.
        data: Prepared data with the run's spec.
        strategy: Devices to train on.
        max_steps: Stops after this many steps; `None` takes all epochs.
    """

    def __init__(
        self,
        run: Run,
        data: PreparedData,
        strategy: tf.distribute.Strategy,
        *,
        max_steps: int | None = None,
    ) -> None:
        self.run = run
        self.data = data
        self.encoder = Encoder(run.spec, run.vocabularies)
        keras.utils.set_random_seed(run.seed)
        keras.config.set_dtype_policy(run.training.precision)
        with strategy.scope():
            self.networks = build(run.model, run.spec, run.model_settings)
            self.task = self.networks.tasks[0]
            self.sessions_per_batch = self._sessions_per_batch(strategy.num_replicas_in_sync)
            self.epoch_steps = self._epoch_steps()
            self.total_steps = self.epoch_steps * run.training.epochs
            if max_steps is not None:
                self.total_steps = min(self.total_steps, max_steps)
            optimizer = make_optimizer(run.training, self.networks.training, self.total_steps)
            self.loop = TrainingLoop(self.networks, optimizer, strategy, xla=run.training.xla)
            self.checkpoints = Checkpoints(run.checkpoints, self.networks.training, optimizer)
        self.replicas = strategy.num_replicas_in_sync
        self._score = score_function(self.networks)

    def train(self, observe: Observer) -> Progress:
        """Trains to the end -> where the run stands then, with the best weights restored.

        `observe` is called after every few steps with the progress and the losses since the call
        before (with `impressions_per_second`), and after every epoch with the validation metrics.
        """
        progress = self.checkpoints.restore_newest()
        writer = tf.summary.create_file_writer(str(self.run.folder / "tensorboard"))
        with writer.as_default():
            while not self._is_finished(progress):
                progress = self._train_epoch(progress, observe)
        self.checkpoints.restore_best()
        return progress

    def evaluate(self, split: str) -> Evaluation:
        """One exact pass over `split` with the weights as they are."""
        return evaluate_split(self.run, self._score, self.data, split)

    def _train_epoch(self, progress: Progress, observe: Observer) -> Progress:
        iterator = self.loop.iterate(self._batches(progress))
        epoch_end = min(progress.step - progress.epoch_step + self.epoch_steps, self.total_steps)
        first_step, sums = progress.step, dict[str, float]()
        while progress.step < epoch_end:
            steps = min(self._steps_until_stop(progress.step), epoch_end - progress.step)
            losses = self._timed_steps(iterator, steps)
            progress = dataclasses.replace(
                progress, step=progress.step + steps, epoch_step=progress.epoch_step + steps
            )
            self._log(progress.step, losses)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value * steps
            observe(progress, losses)
            if self._is_checkpoint_step(progress.step) and progress.step < epoch_end:
                self.checkpoints.save(progress)
        means = {name: value / (progress.step - first_step) for name, value in sums.items()}
        return self._finish_epoch(progress, means, observe)

    def _finish_epoch(
        self, progress: Progress, losses: dict[str, float], observe: Observer
    ) -> Progress:
        entry = {"epoch": progress.epoch + 1.0, "step": float(progress.step), **losses}
        value = self._validate(entry)
        is_better = math.isnan(value) or progress.best_step < 0 or value > progress.best_value
        progress = dataclasses.replace(
            progress,
            epoch=progress.epoch + 1,
            epoch_step=0,
            best_step=progress.step if is_better else progress.best_step,
            best_value=value if is_better else progress.best_value,
            stale_epochs=0 if is_better else progress.stale_epochs + 1,
            history=(*progress.history, entry),
        )
        self._log(progress.step, entry)
        self.checkpoints.save(progress)
        observe(progress, entry)
        return progress

    def _validate(self, entry: dict[str, float]) -> float:
        """Adds validation metrics to `entry` -> the session AUC; NaN where no session of the
        validation split has both a positive and a negative, and the newest weights count as best."""
        if "validation" not in self.data.manifest.splits:
            return math.nan
        metrics = self.evaluate("validation").metrics()[self.task]["all"]
        entry |= {f"validation_{name}": value for name, value in metrics.items()}
        return metrics["session_auc"]

    def _is_finished(self, progress: Progress) -> bool:
        patience = self.run.training.patience
        is_stale = patience > 0 and progress.stale_epochs >= patience
        return progress.step >= self.total_steps or is_stale

    def _batches(self, progress: Progress) -> tf.data.Dataset:
        settings = self.run.training
        return training_batches(
            self.data,
            self.encoder,
            split="train",
            sessions_per_batch=self.sessions_per_batch,
            replicas=self.replicas,
            seed=self.run.seed,
            epoch=progress.epoch,
            skip_batches=progress.epoch_step,
            label=self.task,
            negatives_per_positive=settings.negatives_per_positive,
            pad_to_max=settings.xla,
            shuffle_buffer=settings.shuffle_buffer,
        )

    def _timed_steps(self, iterator: tf.data.Iterator, steps: int) -> dict[str, float]:
        start = time.perf_counter()
        losses = self.loop.run(iterator, steps)
        seconds = time.perf_counter() - start
        losses["impressions_per_second"] = losses.pop("candidates") / seconds
        return losses

    def _steps_until_stop(self, step: int) -> int:
        settings = self.run.training
        stops = [settings.steps_per_call]
        if settings.checkpoint_steps:
            stops.append(settings.checkpoint_steps - step % settings.checkpoint_steps)
        return min(stops)

    def _is_checkpoint_step(self, step: int) -> bool:
        every = self.run.training.checkpoint_steps
        return bool(every) and step % every == 0

    def _sessions_per_batch(self, replicas: int) -> int:
        """Sessions that hold about `batch_size` impressions, a multiple of the replicas."""
        split = self.data.manifest.splits["train"]
        ratio = self.run.training.negatives_per_positive
        sessions, impressions = split.sessions, split.candidates
        if ratio is not None:
            sessions = split.sessions_with_positive[self.task]
            impressions = min(impressions, round(split.positives[self.task] * (1 + ratio)))
        per_session = max(impressions / max(sessions, 1), 1.0)
        per_replica = max(1, round(self.run.training.batch_size / per_session / replicas))
        return per_replica * replicas

    def _epoch_steps(self) -> int:
        steps = training_steps(
            self.data,
            split="train",
            sessions_per_batch=self.sessions_per_batch,
            label=self.task,
            negatives_per_positive=self.run.training.negatives_per_positive,
        )
        if steps < 1:
            raise ValueError(
                f"{self.data.folder} must hold at least one batch of {self.sessions_per_batch} "
                "training sessions. Prepare more sessions, or set a smaller `batch_size` "
                f"(now {self.run.training.batch_size} impressions)."
            )
        return steps

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            tf.summary.scalar(name, value, step=step)


def load_networks(run: Run) -> RankingNetworks:
    """A trained run -> its networks with the best weights.

    Raises:
        ValueError: If the run holds no checkpoint, or one of another model.
    """
    keras.config.set_dtype_policy(run.training.precision)
    networks = build(run.model, run.spec, run.model_settings)
    Checkpoints(run.checkpoints, networks.training).restore_best()
    return networks
