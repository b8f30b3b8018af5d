"""Two replicas on one machine, for what only shows with more than one."""

import tensorflow as tf


def two_replicas():
    """A mirrored strategy over the two logical CPU devices that `tests/conftest.py` sets up."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
