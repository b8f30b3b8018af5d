"""The processes that train one run together: who is chief, and what they tell each other."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ranking.features.reading_errors import plain_message

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class WorkerLostError(ValueError):
    """Says that another worker ended, and how to go on."""


class Workers:
    """The processes of a strategy; one alone where it is not of several machines.

    What a method does together happens when all workers have called it; each waits for the others.
    Every worker calls the same methods in the same order, between steps of training.

    Args:
        strategy: The strategy of the run.

    Attributes:
        count: How many there are.
        index: Which one this is, from 0.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        self.count = 1 if resolver is None else len(resolver.cluster_spec().job_tasks("worker"))
        self.index = 0 if resolver is None else int(resolver.task_id)

    @property
    def is_chief(self) -> bool:
        """Whether this one writes what the run leaves behind."""
        return self.index == 0

    def of_chief(self, value: float) -> float:
        """A number on each worker -> that of the chief, on all of them."""
        return float(self._of_all(np.array([value], np.float64))[0, 0])

    def wait(self) -> None:
        """Waits for all workers."""
        self.of_chief(0.0)

    def finish(self) -> None:
        """Waits for all workers before this one ends.

        The chief does not mind if another is gone: what the run leaves behind is whole by then.

        Raises:
            WorkerLostError: If another is lost, and this is not the chief.
        """
        try:
            self.wait()
        except WorkerLostError:
            if not self.is_chief:
                raise
        self._leave_together()

    def _leave_together(self) -> None:
        """Stays until the others, too, have heard what was said last: they ask this process."""
        with contextlib.suppress(WorkerLostError):
            self.wait()

    def check_same(self, values: Mapping[str, Any], what: str) -> None:
        """Checks that all workers have the same `values`, whose names are the same everywhere.

        Raises:
            ValueError: If not. It names those that differ from the chief's, calls them `what` and
                is raised by all workers.
        """
        digests = np.array([_digest(value) for value in values.values()], np.int64)
        differs = (everywhere := self._of_all(digests)) != everywhere[0]
        if differs.any():
            self._leave_together()
            others = ", ".join(map(str, np.flatnonzero(differs.any(axis=1))))
            names = ", ".join(np.array(list(values))[differs.any(axis=0)])
            raise ValueError(
                f"All workers must have the same {what}. Received: other {names} on worker "
                f"{others} than on worker 0, the chief."
            )

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turns the errors that TensorFlow raises when a worker is gone into one that says so.

        Raises:
            WorkerLostError: Instead of those.
        """
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            raise WorkerLostError(
                f"Worker {self.index} of {self.count} has lost another worker, and cannot go on "
                f"alone: {_reason(error)}. What that worker printed says why it ended. Start all "
                "workers again with the same flags: training continues from the newest checkpoint."
            ) from error

    def _of_all(self, values: np.ndarray) -> np.ndarray:
        """Numbers `[n]` on each worker -> those of all `[workers, n]`, on all of them."""
        if self.count == 1:
            return values[None]
        mine = np.zeros((self.count, *values.shape), values.dtype)
        mine[self.index] = values
        with self.explained():
            total = self._strategy.reduce("SUM", tf.identity(mine), axis=None)
        return np.asarray(total)


def _digest(value: Any) -> int:
    """63 bits that say whether two values are written alike."""
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big") >> 1


def _reason(error: tf.errors.OpError) -> str:
    """The sentence of TensorFlow's long story that says what happened."""
    aborted = re.search(r"^Collective ops is aborted by: (.*)$", str(error.message), re.MULTILINE)
    told = aborted[1] if aborted else plain_message(error)
    return told.split(". ")[0].strip(".: ")
