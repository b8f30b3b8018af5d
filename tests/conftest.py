"""Sets TensorFlow up before any test starts it: two logical CPU devices, no chatter."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Threads of scikit-learn that wait would keep cores from the rest.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
