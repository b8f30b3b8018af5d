"""Whether a variable holds numbers only, however large it is."""

import tensorflow as tf

from ranking.features.variable_rows import read_rows

_PIECE_SIZE = 2**22  # numbers: 16 MiB


def is_finite(variable: tf.Variable, piece_size: int = _PIECE_SIZE) -> bool:
    """Whether all of `variable` is finite; looks at `piece_size` numbers at once, or at one row."""
    size = variable.shape.num_elements()
    if size <= piece_size:
        return bool(tf.reduce_all(tf.math.is_finite(variable)))
    rows = variable.shape[0]
    step = max(1, piece_size * rows // size)
    pieces = (tf.range(start, min(start + step, rows)) for start in range(0, rows, step))
    return all(bool(_are_finite(read_rows(variable, piece))) for piece in pieces)


@tf.function(reduce_retracing=True)
def _are_finite(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(values))
