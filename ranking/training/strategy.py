"""Which devices a run uses."""

import functools

import tensorflow as tf


def make_strategy(devices: int | None = None) -> tf.distribute.Strategy:
    """Number of devices -> distribution strategy over them.

    Takes GPUs where there are any (all of them unless `devices` says how many), else the CPU.
    On a CPU, more than one device means logical devices that share it: slower than one, but the
    same code path as several GPUs. Call it before TensorFlow has used its devices.

    Raises:
        ValueError: If there are fewer devices than asked for.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return _cpu_strategy(devices or 1)
    count = devices or len(gpus)
    if count > len(gpus):
        raise ValueError(
            f"`devices` must be at most the number of GPUs. Received: devices={count} with "
            f"{len(gpus)} GPUs. Ask for fewer, or hide the GPUs (CUDA_VISIBLE_DEVICES='')."
        )
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return _mirrored(*(f"GPU:{index}" for index in range(count)))


def _cpu_strategy(count: int) -> tf.distribute.Strategy:
    if count == 1:
        return tf.distribute.get_strategy()
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = tf.config.get_logical_device_configuration(cpu) or []
    if len(logical) < count:
        try:
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * count
            )
        except RuntimeError as error:
            raise ValueError(
                f"`devices` must be set before TensorFlow uses its devices; {max(len(logical), 1)} "
                f"CPU devices exist already. Received: devices={count}. Ask for no more than there "
                "are, or start a new process."
            ) from error
    return _mirrored(*(f"CPU:{index}" for index in range(count)))


@functools.cache  # Of two strategies on the same devices, TensorFlow mixes the collectives up.
def _mirrored(*devices: str) -> tf.distribute.Strategy:
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def distribute_batches(
    strategy: tf.distribute.Strategy, batches: tf.data.Dataset
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Batches -> what the replicas of `strategy` iterate over, one consecutive batch each."""
    return strategy.distribute_datasets_from_function(lambda _: batches)
