"""A batch in parts that a CPU computes side by side."""

import os
from collections.abc import Mapping

import tensorflow as tf

_SET_BY_USER = "TF_NUM_INTRAOP_THREADS"


def split_sessions(batch: Mapping[str, tf.Tensor], parts: int) -> list[dict[str, tf.Tensor]]:
    """Encoded batch -> consecutive parts of its sessions, whose numbers differ by one at most.

    Operations of different parts do not wait for each other. Of fewer sessions than parts, some
    parts are empty.

    Example:
    >>> batch = {"labels_click": tf.constant([1.0, 2.0, 3.0])}
    >>> [part["labels_click"].numpy().tolist() for part in split_sessions(batch, 2)]
    [[1.0], [2.0, 3.0]]
    """
    if parts == 1:
        return [dict(batch)]
    sessions = tf.shape(next(iter(batch.values())))[0]
    bounds = [sessions * number // parts for number in range(parts + 1)]
    return [
        {key: value[bounds[number] : bounds[number + 1]] for key, value in batch.items()}
        for number in range(parts)
    ]


def share_cores(parts: int) -> None:
    """Divides the cores of this machine among so many parts; call it before TensorFlow starts.

    By itself TensorFlow spreads every single operation over all cores. Operations of a part last
    well below a millisecond, and to meet after each takes longer than what is gained. Does nothing
    for one part, with a GPU, and where TF_NUM_INTRAOP_THREADS says how many threads there are.

    Raises:
        ValueError: If TensorFlow has started with another number.
    """
    if parts == 1 or _SET_BY_USER in os.environ or tf.config.list_physical_devices("GPU"):
        return
    threads = max(1, (os.cpu_count() or 1) // parts)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ValueError(
            f"`batch_parts` must be set before TensorFlow starts. Received: batch_parts={parts}. "
            f"Start a new process, or set {_SET_BY_USER}={threads} before."
        ) from error
