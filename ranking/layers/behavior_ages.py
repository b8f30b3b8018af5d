"""How many behaviors came after each."""

from typing import Any

from keras import ops

from ranking.layers.true_counts import true_counts


def behavior_ages(behaviors_mask: Any) -> Any:
    """Counts the real behaviors after each: `(B, T)` mask -> `(B, T)` numbers, 0 for the newest.

    Neither padding nor its length counts. What stands at padding is the age of what is before it.

    Args:
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors, the newest last.

    Example:
    >>> import numpy as np
    >>> behavior_ages(np.array([[True, False, True, True, False]])).numpy().tolist()
    [[2, 2, 1, 0, 0]]
    """
    seen = ops.cumsum(ops.cast(behaviors_mask, "int32"), axis=1)
    number = true_counts(behaviors_mask)
    return number - seen


def newest_behaviors(behaviors_mask: Any, max_length: int) -> Any:
    """Keeps the newest `max_length` behaviors of a mask: `(B, T)` -> `(B, T)`.

    Example:
    >>> import numpy as np
    >>> newest_behaviors(np.array([[True, False, True, True]]), 2).numpy().tolist()
    [[False, False, True, True]]
    """
    return ops.logical_and(behaviors_mask, behavior_ages(behaviors_mask) < max_length)
