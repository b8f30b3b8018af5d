"""What layers share that hold a stack of networks: one per scenario, task or expert."""

import math
from collections.abc import Sequence

import keras


def check_stack(stack: Sequence[int]) -> None:
    """Refuses sizes of a stack's axes that are not all whole numbers from 1 on."""
    if isinstance(stack, str) or not all(isinstance(size, int) and size > 0 for size in stack):
        raise ValueError(
            "`stack` must hold whole numbers from 1 on, one per axis of the stack. "
            f"Received: stack={stack!r}"
        )


def stacked_glorot(stack: Sequence[int]) -> keras.initializers.Initializer:
    """An initializer of kernels `(*stack, in, out)`, each of which is a Glorot uniform draw.

    Keras takes the axes before the last two for a convolution window, which both fans are
    multiplied with. The scale takes that back.

    Example:
    >>> round(float(keras.ops.max(stacked_glorot((100,))((100, 3, 3)))), 1)
    1.0
    """
    return keras.initializers.VarianceScaling(
        math.prod(stack), mode="fan_avg", distribution="uniform"
    )
