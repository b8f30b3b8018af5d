"""Two replicas on one machine, for what only shows with more than one."""

import tensorflow as tf

from ranking.training.strategy import make_strategy


def two_replicas() -> tf.distribute.Strategy:
    """A mirrored strategy over the two logical CPU devices that `tests/conftest.py` sets up."""
    return make_strategy(2)
