"""Counts what a mask keeps."""

from typing import Any

from keras import ops


def true_counts(mask: Any) -> Any:
    """Counts the `True` of the last axis: `(..., T)` -> int32 `(..., 1)`.

    Counted as integers: a sum of ones stops growing at 256 in bfloat16. Not by `count_nonzero`,
    which transposes counts of more than one axis on PyTorch.

    Example:
    >>> true_counts([[True, False, True], [False, False, False]]).numpy().tolist()
    [[2], [0]]
    """
    return ops.sum(ops.cast(mask, "int32"), axis=-1, keepdims=True)
