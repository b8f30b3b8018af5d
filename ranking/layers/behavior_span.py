"""A random stretch of a session's behaviors, for the layers that crop or reorder one."""

from typing import Any

import keras
from keras import ops

_ROUNDING = 1e-4  # So that a share of 0.7 of 10 behaviors is 7 of them, not 6.


def check_share(name: str, value: float) -> None:
    """Refuses a share that is not above 0 and at most 1.

    Raises:
        ValueError: Names it.
    """
    if not 0 < value <= 1:
        raise ValueError(f"`{name}` must be above 0 and at most 1. Received: {name}={value!r}")


def behavior_span(behaviors_mask: Any, share: float, seed: Any) -> Any:
    """Marks a share of the real behaviors, one after the other: `(B, T)` -> `(B, T)`.

    As many are marked as the share of a session's behaviors says, rounded down but at least one
    where there is any. Every start from which they fit is equally likely. Padding between behaviors
    counts for nothing.

    Args:
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        share: Share of the behaviors to mark.
        seed: The generator to draw with.

    Example:
    >>> mask = keras.ops.arange(5)[None] < 4
    >>> behavior_span(mask, 1.0, keras.random.SeedGenerator(1)).numpy().tolist()
    [[True, True, True, True, False]]
    """
    # float32 under any policy: rounding the draws would change the rates.
    rank = ops.cumsum(ops.cast(behaviors_mask, "int32"), axis=1) - 1
    number = ops.cast(ops.count_nonzero(behaviors_mask, axis=1), "float32")
    length = ops.maximum(ops.floor(number * share + _ROUNDING), ops.minimum(number, 1.0))
    draws = keras.random.uniform(ops.shape(number), dtype="float32", seed=seed)
    # Rounding may carry a product up to the number of starts itself.
    start = ops.minimum(ops.floor(draws * (number - length + 1.0)), number - length)
    first, last = (ops.cast(each, "int32")[:, None] for each in (start, start + length))
    in_span = ops.logical_and(rank >= first, rank < last)
    return ops.logical_and(behaviors_mask, in_span)
