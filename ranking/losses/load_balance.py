"""How unevenly a batch uses its experts."""

from typing import Any

from keras import ops

_SMALLEST = 1e-12


def load_balance(amounts: Any, mask: Any) -> tuple[Any, Any]:
    """Squared coefficient of variation of the experts' totals: `(..., K)` -> total, count.

        total_k = sum_n amounts[n, k];    loss = variance_k(total_k) / mean_k(total_k)^2

    Of gates it is the *importance* loss, of the chances to be chosen the *load* loss. It is 0 where
    all experts get the same and K - 1 where one gets everything, whatever the size of the batch.

    **What the count means.** The loss is one of a whole batch and no sum over its rows. It comes
    times the number of rows, so that the sum over the count is the loss itself on one device. With
    several, each judges its own part of the batch, and the mean weighs the parts by their rows.
    For gates, which add up to 1 in each row, that is an upper bound of the loss of the whole batch,
    and close to it where each part has many more rows than there are experts.

    Shapes are written with K = experts.

    Args:
        amounts: Float tensor `(..., K)`, at least 0 where it counts.
        mask: Boolean tensor `(...)`, `True` at rows that count. What stands elsewhere has no
            influence, on the gradient neither.

    Returns:
        The loss times the number of rows that count, and that number, both float32 scalars.

    Raises:
        ValueError: If `mask` is not one rank below `amounts`.

    Example:
    >>> import numpy as np
    >>> gates = np.array([[1.0, 0.0], [1.0, 0.0], [np.nan, np.nan]])
    >>> total, count = load_balance(gates, np.array([True, True, False]))
    >>> float(total), float(count)
    (2.0, 2.0)

    Reference:
        Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, section 4
        and appendix A.
    """
    if len(amounts.shape) != len(mask.shape) + 1:
        raise ValueError(
            "`load_balance` takes `amounts` of shape (..., K) and `mask` of shape (...). Received: "
            f"amounts.shape={tuple(amounts.shape)}, mask.shape={tuple(mask.shape)}"
        )
    count = ops.sum(ops.cast(mask, "float32"))
    amounts = ops.where(ops.expand_dims(mask, -1), ops.cast(amounts, "float32"), 0.0)
    # The mean instead of the total: the same loss, from numbers of about 1.
    used = ops.sum(ops.reshape(amounts, (-1, amounts.shape[-1])), axis=0) / ops.maximum(count, 1.0)
    mean = ops.mean(used)
    variance = ops.mean(ops.square(used - mean))
    return count * variance / ops.maximum(ops.square(mean), _SMALLEST), count
