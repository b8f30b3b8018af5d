"""Pooled AUC when the users of a test set are drawn anew."""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ranking.metrics.user_clusters import user_count

Array = npt.NDArray[np.float64]

# Weights kept at a time: those of all users, times draws.
_WEIGHTS_AT_ONCE = 4_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class RedrawnAuc:
    """The pooled AUC of one model.

    Attributes:
        value: That of the sample; NaN without a positive or without a negative.
        draws: Those of the draws, `[M]`, NaN likewise.
    """

    value: float
    draws: Array


def redrawn_auc(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    codes: npt.NDArray[np.int64],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> RedrawnAuc:
    """Maps scores and labels `[N]` to the pooled AUC, and to those over redrawn users.

    Each draw takes as many users as there are, with replacement, and every user with all their
    candidates: AUC is then over weighted candidates, whose weight is how often their user was
    drawn. Scores are sorted once for all draws. Models with the same users, `draws` and `seed` see
    the same draws, so that the difference of theirs is a draw of the difference.

    Args:
        scores: Scores of all candidates; a pair of equal ones counts one half.
        labels: Above 0 is a positive.
        codes: The user of each candidate, as `user_codes` numbers them, `[N]`.
        draws: M, how often to draw.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: If the shapes are not one `[N]`, a score is NaN, or `draws` is below 1.

    Example:
    >>> found = redrawn_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1], np.array([0, 1, 0, 1]), draws=2)
    >>> found.value, found.draws.shape
    (0.875, (2,))
    """
    ranked = _RankedCandidates(*_checked(scores, labels, codes, draws))
    users = user_count(codes)
    found = [ranked.aucs(weights) for weights in _drawn_weights(users, draws, seed)]
    return RedrawnAuc(float(ranked.aucs(np.ones((users, 1)))[0]), np.concatenate(found))


class _RankedCandidates:
    """Positives and negatives of every user, by the group of equal scores that they rank with.

    A group is a score that positives have, from the lowest up; negatives are counted with the
    lowest group that is not below them.
    """

    def __init__(
        self, scores: Array, positive: npt.NDArray[np.bool_], codes: npt.NDArray[np.int64]
    ) -> None:
        levels, groups = np.unique(scores[positive], return_inverse=True)
        places = np.searchsorted(levels, scores[~positive])
        # Negatives above all positives have a group of their own, which no positive is in.
        tied = np.append(levels, np.nan)[places] == scores[~positive]
        shape = (len(levels) + 1, user_count(codes))
        self._positives = _counts(groups, codes[positive], shape)
        self._negatives = _counts(places, codes[~positive], shape)
        self._tied = _counts(places[tied], codes[~positive][tied], shape)

    def aucs(self, weights: Array) -> Array:
        """The weight of every user in each draw `[U, M]` -> AUC of each draw `[M]`."""
        positives, negatives = self._positives @ weights, self._negatives @ weights
        beaten = np.cumsum(negatives, axis=0) - 0.5 * (self._tied @ weights)
        pairs = positives.sum(axis=0) * negatives.sum(axis=0)
        auc: Array = np.full(weights.shape[1], np.nan)
        return np.divide((positives * beaten).sum(axis=0), pairs, out=auc, where=pairs > 0)


def _counts(
    groups: npt.NDArray[np.int64], codes: npt.NDArray[np.int64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """How many candidates of each user are in each group, `[G, U]`."""
    return sparse.csr_matrix((np.ones(len(groups)), (groups, codes)), shape=shape)


def _drawn_weights(users: int, draws: int, seed: int) -> list[Array]:
    """How often each user comes in each draw, `[U, M]` in parts."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _WEIGHTS_AT_ONCE // users)
    parts = []
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        drawn = generator.integers(users, size=(users, count)) * count + np.arange(count)
        parts.append(np.bincount(drawn.ravel(), minlength=users * count).reshape(users, count))
    return [part.astype(np.float64) for part in parts]


def _checked(
    scores: npt.ArrayLike, labels: npt.ArrayLike, codes: npt.NDArray[np.int64], draws: int
) -> tuple[Array, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(labels) > 0
    if values.ndim != 1 or not values.shape == positive.shape == codes.shape or not values.size:
        raise ValueError(
            "`scores`, `labels` and `codes` must be of the same candidates, shape [N], at least "
            f"one. Received: {values.shape}, {positive.shape} and {codes.shape}"
        )
    if np.isnan(values).any():
        raise ValueError("`scores` must be numbers. Received: NaN among them")
    if draws < 1:
        raise ValueError(f"`draws` must be at least 1. Received: draws={draws}")
    return values, positive, codes
