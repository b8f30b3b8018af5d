"""Reading rows of a variable without reading the variable."""

from typing import Any

import tensorflow as tf


def read_rows(variable: tf.Variable, ids: Any) -> tf.Tensor:
    """Rows `ids` of `variable`, gathered from where it is stored: `[...]` -> `[..., width]`.

    `tf.gather` does so too, but reads the whole of a variable that is mirrored on several replicas.
    While a read of the whole is alive, an update of some rows has to copy the whole first.
    """
    return tf.gather(_part_at_hand(variable), ids)


def _part_at_hand(variable: tf.Variable) -> tf.Variable:
    """A mirrored variable -> its part on the replica at hand, on the first one outside of replicas;
    any other variable -> the same."""
    parts = getattr(variable, "values", (variable,))
    try:
        handle = variable.handle
    except ValueError:  # Not within a replica.
        return parts[0]
    return next(part for part in parts if part.handle is handle)
