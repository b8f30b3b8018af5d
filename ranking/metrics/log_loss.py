"""How surprising the labels are under the predicted probabilities."""

import numpy as np
import numpy.typing as npt

# Probabilities come as float32, which knows nothing between 1 and 1 - 6e-8.
_CLIP = 1e-7


def log_losses(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Maps probabilities and labels 0 or 1 of one shape to each candidate's log loss, in nats.

    Probabilities are clipped to [1e-7, 1 - 1e-7], so that one sure mistake does not cost infinity.

    Raises:
        ValueError: If the shapes differ.

    Example:
    >>> log_losses([0.5, 0.0], [1, 0]).round(4)
    array([0.6931, 0.    ])
    """
    given = np.asarray(probabilities, dtype=np.float64)
    clicked = np.asarray(labels, dtype=np.float64)
    if given.shape != clicked.shape:
        raise ValueError(
            "`probabilities` and `labels` must have one shape. "
            f"Received: {given.shape} and {clicked.shape}"
        )
    # The probability of what happened, so that one logarithm per candidate is enough.
    happened = np.clip(np.where(clicked > 0, given, 1.0 - given), _CLIP, 1.0 - _CLIP)
    return -np.log(happened)


def log_loss(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Maps probabilities and labels 0 or 1 to the mean log loss; NaN without a candidate.

    Example:
    >>> round(log_loss([0.8, 0.2], [1, 1]), 4)
    0.9163
    """
    losses = log_losses(probabilities, labels)
    return float(losses.mean()) if losses.size else float("nan")
