"""Which devices a run uses, on one machine or several."""

import functools
import signal

import tensorflow as tf

from ranking.training.cluster import Cluster


def make_strategy(
    devices: int | None = None, cluster: Cluster | None = None
) -> tf.distribute.Strategy:
    """Number of devices of this machine, machines -> distribution strategy over all of them.

    Takes GPUs where there are any (all of them unless `devices` says how many), else the CPU.
    On a CPU, more than one device means logical devices that share it: slower than one, but the
    same code path as several GPUs. Call it before TensorFlow has used its devices.

    With a `cluster` of several workers it waits until all of them have called it, an hour at most.
    Each of them must have as many GPUs.

    Raises:
        ValueError: If there are fewer devices than asked for, or other workers cannot be met.
    """
    gpus = tf.config.list_physical_devices("GPU")
    count = _gpu_count(gpus, devices)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if cluster is not None and len(cluster.addresses) > 1:
        if not gpus and devices not in (None, 1):
            raise ValueError(
                "`devices` must be 1, or left out, on several machines without GPUs: each trains "
                f"on its CPU as one device. Received: devices={devices}"
            )
        return _multi_worker(cluster, count)
    if not gpus:
        return _cpu_strategy(devices or 1)
    return _mirrored(*(f"GPU:{index}" for index in range(count)))


def _gpu_count(gpus: list[tf.config.PhysicalDevice], devices: int | None) -> int:
    if gpus and (devices or 0) > len(gpus):
        raise ValueError(
            f"`devices` must be at most the number of GPUs. Received: devices={devices} with "
            f"{len(gpus)} GPUs. Ask for fewer, or hide the GPUs (CUDA_VISIBLE_DEVICES='')."
        )
    return min(devices or len(gpus), len(gpus))


def _multi_worker(cluster: Cluster, gpus: int) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    # While this process waits for others it is not in Python, which could then not be interrupted.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except (tf.errors.OpError, RuntimeError) as error:
        signal.signal(signal.SIGINT, interrupted)
        raise ValueError(
            f"Worker {cluster.index} must be able to listen at {cluster.address} and to reach "
            f"{', '.join(cluster.addresses)}. Received: {_first_line(error)}. See that the port is "
            "free, that TF_CONFIG names this machine, and that no worker of an earlier start is "
            "left; then start all workers again."
        ) from error
    # TensorFlow takes this signal for a notice that the machine will go, and goes on.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return strategy


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


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
    """Batches of this machine -> what its replicas iterate over, one consecutive batch each."""
    return strategy.distribute_datasets_from_function(lambda _: batches)
