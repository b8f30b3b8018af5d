"""Values of variables out of a checkpoint, one variable after the other.

TensorFlow reads a checkpoint as a whole, beside the variables that are there already, and copies
what goes into a variable that is updated by row: four tables more for a table and its two slots.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

_IN_PLACE_SIZE = 2**24  # numbers: 64 MiB


def restore_values(
    prefix: str,
    state: Mapping[str, Sequence[tf.Variable]],
    in_place_size: int = _IN_PLACE_SIZE,
) -> None:
    """Puts what `tf.train.Checkpoint(**state)` has written under `prefix` back into `state`.

    It needs memory for the largest variable once more.

    Args:
        prefix: Path of the checkpoint.
        state: Variables by the name of their list.
        in_place_size: From this size on, numbers are written into the variable's own memory.
            TensorFlow takes such a variable for a table from then on, of which every read of the
            whole is a copy.

    Raises:
        tf.errors.OpError: If the checkpoint lacks a variable, or cannot be read.
        ValueError: If a variable has another shape there.
    """
    for name, variables in state.items():
        for place, variable in enumerate(variables):
            _restore(prefix, f"{name}/{place}", variable, in_place_size)


def _restore(prefix: str, name: str, variable: tf.Variable, in_place_size: int) -> None:
    # A function of its own, so that the value is gone before the next one is read.
    value = _read(prefix, name, variable.dtype)
    if value.shape != variable.shape:
        raise ValueError(
            f"`{variable.name}` must have the shape {variable.shape}. Received: {value.shape}"
        )
    if value.shape.num_elements() < in_place_size:
        variable.assign(value)
    else:
        rows = tf.range(value.shape[0], dtype=tf.int64)
        variable.scatter_update(tf.IndexedSlices(value, rows))


def _read(prefix: str, name: str, dtype: tf.DType) -> tf.Tensor:
    key = f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
    (value,) = tf.raw_ops.RestoreV2(
        prefix=prefix, tensor_names=[key], shape_and_slices=[""], dtypes=[dtype]
    )
    return value
