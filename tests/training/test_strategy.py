"""Which devices a run uses."""

import pytest
import tensorflow as tf

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
