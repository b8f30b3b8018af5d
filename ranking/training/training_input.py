"""The batches that a run trains on, epoch by epoch."""

import secrets
from typing import Any

import tensorflow as tf

from ranking.features.cached_batches import CachedBatches
from ranking.features.data_service import DataService
from ranking.features.dataset import in_parts, training_batches
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.training.run_folder import Run
from ranking.training.workers import Workers

_JOB_BITS = 53  # What a float64 holds: workers tell each other floats.


class TrainingInput:
    """Makes the batches of each epoch as the run's settings say.

    Args:
        run: The run.
        data: Prepared data with the run's spec.
        encoder: Its encoder.
        label: Name of the label that negatives are sampled for.
        sessions_per_batch: Sessions of a step over all replicas.
        epoch_steps: Steps of an epoch.
        replicas: Replicas over all workers.
        by_size: Whether sessions of like size share a batch.
        workers: The processes that train together. Each gets its own share of every batch.
        data_service: Address of a data service that makes the batches; `None` for this process.

    Raises:
        ValueError: If settings do not go together, or the address is none.
    """

    def __init__(
        self,
        run: Run,
        data: PreparedData,
        encoder: Encoder,
        *,
        label: str,
        sessions_per_batch: int,
        epoch_steps: int,
        replicas: int,
        by_size: bool,
        workers: Workers,
        data_service: str | None = None,
    ) -> None:
        self._run = run
        self._data = data
        self._encoder = encoder
        self._label = label
        self._sessions = sessions_per_batch
        self._epoch_steps = epoch_steps
        self._replicas = replicas // workers.count
        self._by_size = by_size
        self._workers = workers
        self._data_service = data_service
        self._cached: CachedBatches | None = None
        if data_service is None:
            self._check_same_order()
        else:
            # The same for all workers, and new at each start: a name would lead to the batches of
            # whoever had it before, whatever data those are of.
            self._job = int(workers.of_chief(secrets.randbits(_JOB_BITS)))
            self._service(0, 0)  # A wrong address should be told before training starts.
            if run.training.cache != "none":
                raise ValueError(
                    "`cache` must be none with a data service, whose batches never end. Received: "
                    f"cache={run.training.cache}, data_service={data_service}"
                )

    def batches(self, epoch: int, first_step: int) -> tf.data.Dataset:
        """This worker's share of the batches of an epoch from step `first_step` on, in parts: one
        per replica of its own.

        A data service, which knows no place to go on from, starts over.
        """
        settings = self._run.training
        if self._data_service is not None:
            return self._read(
                epoch,
                sessions_per_batch=self._sessions // self._workers.count,
                machine=0,
                machines=1,
                service=self._service(epoch, first_step),
            )
        if settings.cache == "none":
            return self._read(epoch, skip_batches=first_step)
        if self._cached is None:
            batches = self._read(0, replicas=1)
            self._cached = CachedBatches(batches, count=self._epoch_steps, seed=self._run.seed)
        batches = self._cached.epoch(epoch, first_step)
        return in_parts(batches, self._replicas, deterministic=settings.deterministic)

    def _read(self, epoch: int, **changes: Any) -> tf.data.Dataset:
        settings = self._run.training
        arguments: dict[str, Any] = {
            "split": "train",
            "sessions_per_batch": self._sessions,
            "replicas": self._replicas,
            "seed": self._run.seed,
            "epoch": epoch,
            "skip_batches": 0,
            "label": self._label,
            "negatives_per_positive": settings.negatives_per_positive,
            "pad_to_max": settings.xla,
            "by_size": self._by_size,
            "shuffle_buffer": settings.shuffle_buffer,
            "deterministic": settings.deterministic,
            "machine": self._workers.index,
            "machines": self._workers.count,
        }
        return training_batches(self._data, self._encoder, **(arguments | changes))

    def _check_same_order(self) -> None:
        """On several machines a session would come twice or never, if their orders differed."""
        if self._workers.count > 1 and not self._run.training.deterministic:
            raise ValueError(
                "`deterministic` must be true on several machines, which all take their share of "
                "the same batches, or a data service must make them. Received: deterministic=False"
            )

    def _service(self, epoch: int, first_step: int) -> DataService:
        return DataService(str(self._data_service), f"{self._job:x}-{epoch}-{first_step}")
