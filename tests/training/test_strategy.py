"""Which devices a run uses."""

import signal

import pytest
import tensorflow as tf

from ranking.training.cluster import Cluster
from ranking.training.strategy import distribute_batches, make_strategy


def test_one_device_needs_no_strategy() -> None:
    assert make_strategy(1).num_replicas_in_sync == 1
    assert make_strategy().num_replicas_in_sync == 1


def test_two_logical_devices_are_mirrored() -> None:
    strategy = make_strategy(2)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2


def test_more_devices_than_there_are_is_refused() -> None:
    tf.constant(0)  # devices are in use from here on
    with pytest.raises(ValueError, match="`devices` must be set before .* Received: devices=3"):
        make_strategy(3)


def test_a_process_has_one_strategy_for_the_same_devices() -> None:
    assert make_strategy(2) is make_strategy(2)


def test_a_cluster_of_one_is_no_cluster() -> None:
    assert make_strategy(2, Cluster(("localhost:1",), 0)) is make_strategy(2)


def test_several_cpu_devices_on_each_of_several_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="`devices` must be 1, or left out, on several machines"):
        make_strategy(2, Cluster(("localhost:1", "localhost:2"), 0))


def test_machines_are_named_before_devices_are_used() -> None:
    tf.constant(0)  # devices are in use from here on
    interrupt = signal.getsignal(signal.SIGINT)
    with pytest.raises(
        ValueError, match="Worker 1 must be able to listen at localhost:2 and to .*"
    ):
        make_strategy(cluster=Cluster(("localhost:1", "localhost:2"), 1))
    assert signal.getsignal(signal.SIGINT) is interrupt


@pytest.mark.parametrize(
    ("workers", "index", "expected"),
    [
        (1, 0, range(12)),
        (2, 1, [2, 3, 6, 7, 10, 11]),
        (4, 0, [0, 4, 8]),
    ],
)
def test_a_worker_takes_its_own_parts_of_every_batch(
    workers: int, index: int, expected: list[int]
) -> None:
    """Three batches in four parts."""

    class Strategy:
        def distribute_datasets_from_function(self, function):
            return function(tf.distribute.InputContext(workers, index, 4))

    parts = distribute_batches(Strategy(), tf.data.Dataset.range(12))
    assert list(parts.as_numpy_iterator()) == list(expected)
