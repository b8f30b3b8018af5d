"""Which devices a run uses."""

import signal

import pytest
import tensorflow as tf

from ranking.training.cluster import Cluster
from ranking.training.strategy import make_strategy


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
