"""Whether predicted probabilities mean what they say."""

import numpy as np
import numpy.typing as npt


def pcoc(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Maps probabilities and labels `[N]` to predicted clicks over clicks.

    1 is calibrated, above 1 promises too much. NaN without a click.

    Raises:
        ValueError: If the shapes differ.

    Example:
    >>> pcoc([0.5, 0.25, 0.75], [1, 0, 0])
    1.5
    """
    predicted, clicked = _checked(probabilities, labels)
    clicks = clicked.sum()
    return float(predicted.sum() / clicks) if clicks > 0 else float("nan")


def expected_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, num_bins: int = 20
) -> float:
    """Maps probabilities and labels `[N]` to the mean gap between the promised and the actual rate.

    Candidates are put in `num_bins` bins of equal width by their probability; a bin's gap is the
    distance between its mean probability and its mean label, and counts as much as the bin holds
    candidates. NaN without a candidate.

    Raises:
        ValueError: If the shapes differ, `num_bins` is below 1 or a probability is outside [0, 1].

    Example:
    >>> expected_calibration_error([0.25, 0.25, 1.0], [1, 0, 1])
    0.16666666666666666
    """
    predicted, clicked = _checked(probabilities, labels)
    if num_bins < 1:
        raise ValueError(f"`num_bins` must be at least 1. Received: num_bins={num_bins}")
    bins = probability_bins(predicted, num_bins)
    if not predicted.size:
        return float("nan")
    gaps = np.bincount(bins, weights=predicted - clicked, minlength=num_bins)
    return float(np.abs(gaps).sum() / predicted.size)


def probability_bins(
    probabilities: npt.NDArray[np.float64], num_bins: int
) -> npt.NDArray[np.int64]:
    """Maps probabilities `[N]` to bins of equal width, from 0 to `num_bins` - 1.

    Raises:
        ValueError: If a probability is outside [0, 1].

    Example:
    >>> probability_bins(np.array([0.0, 0.3, 1.0]), 20)
    array([ 0,  6, 19])
    """
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError(
            "`probabilities` must lie in [0, 1]. Received: "
            f"{probabilities.min()} to {probabilities.max()}"
        )
    return np.minimum((probabilities * num_bins).astype(np.int64), num_bins - 1)


def _checked(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    predicted = np.asarray(probabilities, dtype=np.float64)
    clicked = np.asarray(labels, dtype=np.float64)
    if predicted.shape != clicked.shape or predicted.ndim != 1:
        raise ValueError(
            "`probabilities` and `labels` must have one shape [N]. "
            f"Received: {predicted.shape} and {clicked.shape}"
        )
    return predicted, clicked
