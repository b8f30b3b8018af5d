"""The logit of a product of two probabilities."""

from typing import Any

from keras import ops


def conditional_logit(global_logits: Any, conditional_logits: Any) -> Any:
    """Two logits -> the logit of the product of their probabilities, all of one shape.

        sigmoid(result) = sigmoid(a) * sigmoid(c),   result = -log(exp(-a) + exp(-c) + exp(-a - c))

    The result never exceeds either logit, so the product never exceeds either probability, not by
    rounding either. Values and gradients are finite far beyond where a probability rounds to 0 or
    to 1, which a product of probabilities is not.

    Args:
        global_logits: Float tensor of any shape: a, that something happens in any scenario.
        conditional_logits: Float tensor of the same shape: c, that then it happens in this one.

    Returns:
        Float32 tensor of the same shape.

    Example:
    >>> import keras, numpy as np
    >>> logits = conditional_logit(np.array([0.0, 80.0]), np.array([0.0, -80.0]))
    >>> keras.ops.sigmoid(logits[0]).numpy().item(), logits[1].numpy().item()
    (0.25, -80.0)

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), equation 12.
    """
    first, second = (-ops.cast(each, "float32") for each in (global_logits, conditional_logits))
    both = first + second
    largest = ops.stop_gradient(ops.maximum(ops.maximum(first, second), both))
    # The largest term is exp(0) = 1, so the logarithm is never below 0.
    total = ops.exp(first - largest) + ops.exp(second - largest) + ops.exp(both - largest)
    return -(largest + ops.log(total))
