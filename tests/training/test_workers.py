"""Workers: what they tell each other, and how the loss of one is told.

Two processes that train together are in `tests/pipelines/test_train_on_machines.py`; here one
process plays two, whose strategy adds what the other has said.
"""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from ranking.training.workers import WorkerLostError, Workers
from tests.helpers.logical_devices import two_replicas

GONE = """Graph execution error:

Detected at node while/CollectiveReduceV2 defined at (most recent call last):
  File "x.py", line 7, in <module>

Collective ops is aborted by: Error reported from /job:worker/task:1: a task is unhealthy:
/job:worker/replica:0/task:1
\t [[{{node while/CollectiveReduceV2}}]] [Op:__inference__run_steps_3776]"""


class _Strategy:
    """The strategy of worker `index` of two; `said` holds what each has said last, by shape."""

    def __init__(self, index: int, said: dict[tuple[int, ...], dict[int, np.ndarray]]) -> None:
        self.cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": ["one:1", "two:2"]}), task_type="worker", task_id=index
        )
        self._index, self._said = index, said

    def reduce(self, operation: str, value: tf.Tensor, axis: None) -> tf.Tensor:
        assert operation == "SUM" and axis is None
        values = self._said.setdefault(tuple(value.shape), {})
        values[self._index] = value.numpy()
        return tf.constant(sum(values.values()))


class _BrokenStrategy(_Strategy):
    """The strategy of a worker whose fellow is gone from the call `lost_at` on."""

    def __init__(self, error: Exception, *, index: int = 1, lost_at: int = 1) -> None:
        super().__init__(index, {})
        self.calls = 0
        self._error, self._lost_at = error, lost_at

    def reduce(self, operation: str, value: tf.Tensor, axis: None) -> tf.Tensor:
        self.calls += 1
        if self.calls >= self._lost_at:
            raise self._error
        return super().reduce(operation, value, axis)


def _both() -> tuple[Workers, Workers]:
    said: dict[tuple[int, ...], dict[int, np.ndarray]] = {}
    return Workers(_Strategy(0, said)), Workers(_Strategy(1, said))


def _say(worker: Workers, values: dict[str, object]) -> None:
    """Lets a worker say its values before the other does, so that it cannot hear them yet."""
    with contextlib.suppress(ValueError):
        worker.check_same(values, "flags")


@pytest.mark.parametrize("strategy", [tf.distribute.get_strategy, two_replicas])
def test_one_process_is_chief_and_agrees_with_itself(strategy) -> None:
    workers = Workers(strategy())
    assert workers.is_chief and (workers.count, workers.index) == (1, 0)
    assert workers.of_chief(0.25) == 0.25 and np.isnan(workers.of_chief(np.nan))
    workers.check_same({"seed": 3}, "flags")
    workers.wait()
    workers.finish()


def test_the_first_is_chief_and_its_number_is_that_of_all() -> None:
    chief, other = _both()
    assert chief.is_chief and not other.is_chief
    assert (other.count, other.index) == (2, 1)
    chief.of_chief(0.1)
    assert other.of_chief(0.7) == 0.1


def test_workers_that_agree_may_go_on() -> None:
    chief, other = _both()
    values = {"seed": 3, "settings": {"epochs": 2, "sizes": [5, 7]}}
    _say(other, values)
    chief.check_same(values, "flags")
    other.check_same(dict(values), "flags")


def test_what_differs_is_named_with_the_worker() -> None:
    chief, other = _both()
    _say(other, {"seed": 3, "model": "din", "sizes": [5]})
    expected = (
        r"All workers must have the same flags\. Received: other seed, sizes on worker 1 than on "
        "worker 0, the chief"
    )
    with pytest.raises(ValueError, match=expected):
        chief.check_same({"seed": 4, "model": "din", "sizes": [5, 7]}, "flags")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (tf.errors.UnavailableError, GONE),
        (tf.errors.AbortedError, GONE),
        (tf.errors.CancelledError, "Error reported from /job:worker/task:1: a task is unhealthy"),
        (tf.errors.DeadlineExceededError, GONE),
        (tf.errors.FailedPreconditionError, GONE),
    ],
)
def test_a_lost_worker_is_one_clear_error(error: type[tf.errors.OpError], reason: str) -> None:
    workers = Workers(_BrokenStrategy(error(None, None, reason)))
    expected = (
        "Worker 1 of 2 has lost another worker, and cannot go on alone: Error reported from "
        "/job:worker/task:1: a task is unhealthy. What that worker printed says why it ended. "
        "Start all workers again with the same flags: training continues from the newest checkpoint"
    )
    for wait in (workers.wait, workers.finish):
        with pytest.raises(WorkerLostError, match=expected):
            wait()


LOST = tf.errors.UnavailableError(None, None, GONE)


@pytest.mark.parametrize(("index", "lost_at"), [(0, 1), (0, 2), (1, 2)])
def test_who_has_finished_does_not_mind_who_is_gone(index: int, lost_at: int) -> None:
    strategy = _BrokenStrategy(LOST, index=index, lost_at=lost_at)
    Workers(strategy).finish()
    assert strategy.calls == 2  # Who left after the first could leave others without an answer.


def test_other_errors_stay_as_they_are() -> None:
    error = tf.errors.DataLossError(None, None, "a record is cut short")
    with pytest.raises(tf.errors.DataLossError), Workers(_BrokenStrategy(error)).explained():
        raise error
    alone = Workers(tf.distribute.get_strategy())
    with pytest.raises(tf.errors.UnavailableError), alone.explained():
        raise tf.errors.UnavailableError(None, None, "a file system is not there")
