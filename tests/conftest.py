"""Sets TensorFlow up before any test starts it: two logical CPU devices, no chatter."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Threads of scikit-learn that wait would keep cores from the rest.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # The cores are shared by the processes of a test run.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
