"""A training run from its first step to its last, or from the checkpoint it was stopped at."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ranking.features.dataset import training_steps
from ranking.features.encoder import Encoder
from ranking.features.padding import PADDING_COUNTS, padding_shares
from ranking.features.prepared_data import PreparedData
from ranking.features.reading_errors import explained
from ranking.models.catalog import build
from ranking.models.networks import RankingNetworks
from ranking.setting_rules import require
from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.divergence import DivergenceError
from ranking.training.evaluation import Evaluation
from ranking.training.finite_values import is_finite
from ranking.training.flat_batch import ScoreError
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import make_optimizer
from ranking.training.run_folder import SETTINGS_FILE, Run, open_run, started_document
from ranking.training.score_function import score_function
from ranking.training.session_file import SessionFileWriter
from ranking.training.split_evaluation import SplitEvaluation
from ranking.training.training_input import TrainingInput
from ranking.training.warm_start import warm_start
from ranking.training.warm_start_report import WarmStartReport
from ranking.training.workers import Workers

Observer = Callable[[Progress, Mapping[str, float]], None]


class Trainer:
    """Builds what a run trains, and trains it.

    On several machines each has a trainer. All of them take every step together and end with the
    same weights; the chief alone evaluates, and writes to the run's folder.

    Args:
        run: What to train and where its folder is.
        data: Prepared data with the run's spec.
        strategy: Devices to train on.
        max_steps: Stops after this many steps, within an epoch if need be; `None` takes all epochs.
            A decaying learning rate is planned for all epochs either way, so that a run that was
            stopped and continues is the run that was never stopped.
        data_service: Address of a data service that reads and encodes, `grpc://host:port`; `None`
            for this process. Batches then differ from run to run.

    Attributes:
        max_steps: As given.
        workers: The processes that train together.

    Raises:
        ValueError: If there is no training session to take a step with, a file of the data is
            missing, settings do not fit the spec, or another worker has other flags or data.
    """

    def __init__(
        self,
        run: Run,
        data: PreparedData,
        strategy: tf.distribute.Strategy,
        *,
        max_steps: int | None = None,
        data_service: str | None = None,
    ) -> None:
        self.run = run
        self.data = data
        self.max_steps = max_steps
        self.workers = Workers(strategy)
        flags = {"max_steps": max_steps, "data_service": data_service}
        self.workers.check_same(_agreed(run, data) | flags, "flags, data and versions")
        self.encoder = Encoder(run.spec, data.vocabulary_folder)
        keras.utils.set_random_seed(run.seed)
        keras.config.set_dtype_policy(run.training.precision)
        with strategy.scope(), self.workers.explained():
            self.networks = build(run.model, run.spec, run.model_settings)
            self.task = self.networks.tasks[0]
            self.sessions_per_batch = self._sessions_per_batch(strategy.num_replicas_in_sync)
            self.epoch_steps = self._epoch_steps()
            planned_steps = self.epoch_steps * run.training.epochs
            self.total_steps = planned_steps if max_steps is None else min(planned_steps, max_steps)
            optimizer = make_optimizer(run.training, self.networks.training, planned_steps)
            self.loop = TrainingLoop(
                self.networks,
                optimizer,
                strategy,
                xla=run.training.xla,
                parts=run.training.batch_parts,
            )
            self.checkpoints = Checkpoints(
                run.checkpoints, self.networks.training, optimizer, origin=run.origin
            )
        self.replicas = strategy.num_replicas_in_sync
        self.input = TrainingInput(
            run,
            data,
            self.encoder,
            label=self.task,
            sessions_per_batch=self.sessions_per_batch,
            epoch_steps=self.epoch_steps,
            replicas=self.replicas,
            by_size=run.training.batch_by_size,
            workers=self.workers,
            data_service=data_service,
        )
        self._score = score_function(self.networks)
        self._evaluations: dict[str, SplitEvaluation] = {}

    def warm_start(self) -> WarmStartReport:
        """Takes what fits from the run that `run.warm_start` names -> what was taken.

        Raises:
            ValueError: If that is no trained run, or none of its tables fits.
        """
        source = open_run(Path(str(self.run.warm_start)))
        with tf.device("CPU:0"):  # Other devices may have no room for the weights of two runs.
            old = load_networks(source)
        keras.config.set_dtype_policy(self.run.training.precision)
        return warm_start(
            self.networks, self.run.spec, self.data.vocabulary_folder, source=source, old=old
        )

    def train(self, observe: Observer) -> Progress:
        """Trains to the end -> where the run stands then, with the best weights restored.

        Those are the weights after the epoch with the best validation session AUC (the mean over
        tasks); the newest where there is none, for want of a validation split or of a whole epoch.

        `observe` is called after every few steps with the progress and the losses since the call
        before (with `impressions_per_second`), and after every epoch with its `epoch`, its losses
        and, at the chief, the validation metrics. Where a checkpoint is due, it is written before.

        Raises:
            DivergenceError: If the loss or a weight is not finite any more.
            ValueError: If a record cannot be read, the checkpoint to continue from is damaged or of
                a run on another number of devices, or another worker is lost.
        """
        progress = self._restored()
        with self._summary_writer().as_default():
            while not self._is_finished(progress):
                progress = self._train_epoch(progress, observe)
        self.workers.wait()  # until the chief has written the last checkpoint
        self.checkpoints.restore_best()
        return progress

    def evaluate(self, split: str, sessions: SessionFileWriter | None = None) -> Evaluation:
        """One exact pass over `split` with the weights as they are, on one device of this worker.

        `sessions` gets a row for each session.
        """
        if split not in self._evaluations:
            self._evaluations[split] = SplitEvaluation(self.run, self.data, split)
        return self._evaluations[split](self._score, sessions)

    def _restored(self) -> Progress:
        progress = self.checkpoints.restore_newest()
        self.workers.check_same(
            {SETTINGS_FILE: self._written_settings(), "newest checkpoint": progress.step},
            f"files in {self.run.folder}, which must be on storage that all machines share",
        )
        if not progress.step:
            return Progress(sessions_per_batch=self.sessions_per_batch)
        if progress.sessions_per_batch != self.sessions_per_batch:
            raise ValueError(
                f"{self.run.folder} must continue on as many devices as it started on. Received: "
                f"{self.replicas} device(s), which take {self.sessions_per_batch} sessions a step, "
                f"not {progress.sessions_per_batch} as before. Change --devices, or start anew "
                "with --overwrite."
            )
        return progress

    def _written_settings(self) -> str | None:
        path = self.run.folder / SETTINGS_FILE
        return path.read_text(encoding="utf-8") if path.exists() else None

    def _train_epoch(self, progress: Progress, observe: Observer) -> Progress:
        """Trains to the end of the epoch, or of the run where that comes first."""
        batches = self.input.batches(progress.epoch, progress.epoch_step)
        iterator = self.loop.iterate(batches)
        epoch_end = progress.step - progress.epoch_step + self.epoch_steps
        stop = min(epoch_end, self.total_steps)
        while progress.step < stop:
            steps = min(self._steps_until_stop(progress.step), stop - progress.step)
            losses = self._timed_steps(iterator, progress.step, steps)
            progress = _advanced(progress, losses, steps)
            told = _with_padding(losses)
            self._log(progress.step, told)
            is_due = progress.step == stop or self._is_checkpoint_step(progress.step)
            if is_due and progress.step < epoch_end:
                self._save(progress)
            observe(progress, told)
        return self._finish_epoch(progress, observe) if stop == epoch_end else progress

    def _finish_epoch(self, progress: Progress, observe: Observer) -> Progress:
        losses = {name: value / progress.epoch_step for name, value in progress.epoch_sums.items()}
        entry = {"epoch": progress.epoch + 1.0, "step": float(progress.step)}
        entry |= _with_padding(losses)
        self._check_weights(progress.step)
        value = self.workers.of_chief(self._validate(entry) if self.workers.is_chief else 0.0)
        is_unknown = math.isnan(value)
        is_better = is_unknown or progress.best_step < 0 or value > progress.best_value
        # A step named here would be restored in place of newer ones within the next epoch.
        newly_best = -1 if is_unknown else progress.step
        progress = dataclasses.replace(
            progress,
            epoch=progress.epoch + 1,
            epoch_step=0,
            epoch_sums={},
            best_step=newly_best if is_better else progress.best_step,
            best_value=value if is_better else progress.best_value,
            stale_epochs=0 if is_better else progress.stale_epochs + 1,
            history=(*progress.history, entry),
        )
        self._log(progress.step, entry)
        if self.workers.is_chief:
            self.checkpoints.save(progress)
        observe(progress, entry)
        return progress

    def _save(self, progress: Progress) -> None:
        self._check_weights(progress.step)
        if self.workers.is_chief:
            self.checkpoints.save(progress)

    def _check_weights(self, step: int) -> None:
        for weight in self.networks.training.trainable_variables:
            if not is_finite(weight.value):
                what = f"a NaN or infinite number in `{weight.path}` after step {step}"
                raise DivergenceError(what, self.run.training)

    def _validate(self, entry: dict[str, float]) -> float:
        """Adds validation metrics to `entry` -> the mean session AUC of the tasks; NaN where no
        session of a validation split has both a positive and a negative: the newest weights count
        as best. Tasks after the first have their names in those of their metrics."""
        if "validation" not in self.data.manifest.splits:
            return math.nan
        try:
            by_task = self.evaluate("validation").metrics()
        except ScoreError as error:
            what = f"validation scores that are NaN after step {int(entry['step'])}"
            raise DivergenceError(what, self.run.training) from error
        for task in self.networks.tasks:
            prefix = "validation" if task == self.task else f"validation_{task}"
            metrics = by_task[task]["all"]
            entry |= {f"{prefix}_{name}": value for name, value in metrics.items()}
        values = [by_task[task]["all"]["session_auc"] for task in self.networks.tasks]
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    def _is_finished(self, progress: Progress) -> bool:
        patience = self.run.training.patience
        is_stale = patience > 0 and progress.stale_epochs >= patience
        return progress.step >= self.total_steps or is_stale

    def _timed_steps(self, iterator: tf.data.Iterator, step: int, steps: int) -> dict[str, float]:
        """Takes `steps` steps after `step` of them -> their losses."""
        start = time.perf_counter()
        with explained(self.data), self.workers.explained():
            losses = self.loop.run(iterator, steps)
        seconds = time.perf_counter() - start
        finite_steps = int(losses.pop("finite_steps"))
        if finite_steps < steps:
            what = f"loss={losses['loss']} at step {step + finite_steps + 1}"
            raise DivergenceError(what, self.run.training)
        losses["impressions_per_second"] = losses["candidates"] / seconds
        # Means over steps, as the losses are, so that a run that continues has those of one that
        # was never stopped.
        losses |= {name: losses[name] / steps for name in PADDING_COUNTS}
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
        self.data.files("train")  # Raises where there is no such split.
        split = self.data.manifest.splits["train"]
        if not split.positives[self.task]:
            raise ValueError(
                f"The train split of {self.data.folder} must have candidates with {self.task} = 1. "
                f"Received: none of {split.candidates}. Look at the labels in the source, or name "
                "another label (--set task=...)."
            )
        ratio = self.run.training.negatives_per_positive
        sessions, impressions = split.sessions, split.candidates
        if ratio is not None:
            sessions = split.sessions_with_positive[self.task]
            impressions = min(impressions, round(split.positives[self.task] * (1 + ratio)))
        per_session = max(impressions / max(sessions, 1), 1.0)
        per_replica = max(1, round(self.run.training.batch_size / per_session / replicas))
        require(
            per_replica >= self.run.training.batch_parts,
            "batch_parts",
            f"at most the sessions of a batch on one device, {per_replica}",
            self.run.training.batch_parts,
        )
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

    def _summary_writer(self) -> tf.summary.SummaryWriter:
        if not self.workers.is_chief:
            return tf.summary.create_noop_writer()
        return tf.summary.create_file_writer(str(self.run.folder / "tensorboard"))

    def _log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            tf.summary.scalar(name, value, step=step)


def _agreed(run: Run, data: PreparedData) -> dict[str, Any]:
    """What all workers of a run must have alike; folders may have other names elsewhere."""
    document = started_document(run, data)
    return {name: document[name] for name in sorted(document.keys() - {"data"})}


def _with_padding(losses: Mapping[str, float]) -> dict[str, float]:
    """The same with shares of padding in place of the counts that they follow from."""
    counts = {name: losses[name] for name in PADDING_COUNTS}
    rest = {name: value for name, value in losses.items() if name not in counts}
    return rest | padding_shares(counts)


def _advanced(progress: Progress, losses: Mapping[str, float], steps: int) -> Progress:
    """Progress after `steps` more steps with these mean losses."""
    sums = {
        name: progress.epoch_sums.get(name, 0.0) + value * steps for name, value in losses.items()
    }
    return dataclasses.replace(
        progress,
        step=progress.step + steps,
        epoch_step=progress.epoch_step + steps,
        epoch_sums=sums,
    )


def load_networks(run: Run) -> RankingNetworks:
    """A trained run -> its networks with the best weights.

    Raises:
        ValueError: If the run holds no checkpoint, or one of another run.
    """
    keras.config.set_dtype_policy(run.training.precision)
    networks = build(run.model, run.spec, run.model_settings)
    Checkpoints(run.checkpoints, networks.training, origin=run.origin).restore_best()
    return networks
