"""Sessions with their candidates in the order of a model's scores."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class RankedSessions:
    """Orders the candidates of many sessions at once: flat scores, labels, lengths -> tie groups.

    Session metrics only need to know which candidates a model put on the same rank, so the
    candidates are sorted once, highest score first, and cut into *tie groups*: runs of equal
    scores within a session. Every metric is then a sum over groups.

    Shapes: N = candidates of all sessions, S = sessions, G = tie groups. Candidates of one session
    stand together, and sessions and groups keep the order of `lengths`.

    Args:
        scores: `[N]`, higher is better, any real type; infinities are allowed.
        labels: `[N]`, 0 or positive; above 0 is a positive, larger is a larger gain.
        lengths: `[S]` whole numbers, candidates per session; 0 is allowed. They sum to N.

    Attributes:
        labels: `[N]` float64, as given.
        lengths: `[S]` int64, as given.
        positives: `[S]` float64, candidates with a label above 0.
        negatives: `[S]` float64, the others.
        order: `[N]` int64, positions in the given order, session by session, best first.
        group_sessions: `[G]` int64, the session of a group.
        group_ranks: `[G]` int64, rank of a group's first candidate in its session, from 0.
        group_sizes: `[G]` int64, candidates of a group.
        group_positives: `[G]` float64, positives of a group.

    Raises:
        ValueError: If sizes do not fit, a score is NaN, or a label is negative or not finite.

    Example:
    >>> ranked = RankedSessions([0.2, 0.9, 0.2, 0.5], [1, 0, 0, 1], [3, 1])
    >>> ranked.order
    array([1, 0, 2, 3])
    >>> ranked.group_ranks, ranked.group_sizes
    (array([0, 1, 0]), array([1, 2, 1]))
    """

    def __init__(
        self, scores: npt.ArrayLike, labels: npt.ArrayLike, lengths: npt.ArrayLike
    ) -> None:
        scores = np.asarray(scores)
        self.labels: Array = np.asarray(labels, dtype=np.float64)
        self.lengths: npt.NDArray[np.int64] = _checked_lengths(lengths)
        _check_candidates(scores, self.labels, int(self.lengths.sum()))
        sessions = np.repeat(np.arange(len(self.lengths)), self.lengths)
        self.order: npt.NDArray[np.int64] = _order(sessions, scores)
        self._starts = _group_starts(sessions, scores[self.order])
        self.group_sessions: npt.NDArray[np.int64] = sessions[self._starts]
        first = np.cumsum(self.lengths) - self.lengths
        self.group_ranks: npt.NDArray[np.int64] = self._starts - first[self.group_sessions]
        self.group_sizes: npt.NDArray[np.int64] = np.diff(self._starts, append=len(sessions))
        self.group_positives: Array = self.sum_per_group((self.labels > 0).astype(np.float64))
        self.positives: Array = self.sum_per_session(self.group_positives)
        self.negatives: Array = self.lengths - self.positives

    @classmethod
    def from_padded(
        cls, scores: npt.ArrayLike, labels: npt.ArrayLike, lengths: npt.ArrayLike
    ) -> "RankedSessions":
        """Orders padded `[B, C]` scores and labels, the first `lengths` `[B]` of a row counting.

        Example:
        >>> RankedSessions.from_padded([[0.5, 0.7, 9.0]], [[1, 0, 0]], [2]).order
        array([1, 0])
        """
        scores, labels = np.asarray(scores), np.asarray(labels)
        lengths = _checked_lengths(lengths)
        if scores.ndim != 2 or scores.shape != labels.shape or len(scores) != len(lengths):
            raise ValueError(
                "`scores` and `labels` must have one shape [B, C], and `lengths` shape [B]. "
                f"Received: scores.shape={scores.shape}, labels.shape={labels.shape}, "
                f"lengths.shape={lengths.shape}"
            )
        if lengths.size and lengths.max() > scores.shape[1]:
            raise ValueError(
                "`lengths` must not exceed the padded size. "
                f"Received: largest length {lengths.max()}, scores.shape={scores.shape}"
            )
        valid = np.arange(scores.shape[1]) < lengths[:, None]
        return cls(scores[valid], labels[valid], lengths)

    @property
    def group_negatives(self) -> Array:
        """Negatives of a group, `[G]`."""
        return self.group_sizes - self.group_positives

    def sum_per_group(self, values: npt.NDArray[np.generic]) -> Array:
        """Sums per-candidate values in the given order: `[N]` -> `[G]`."""
        if not len(self._starts):
            return np.zeros(0)
        return np.add.reduceat(values[self.order], self._starts, dtype=np.float64)

    def sum_per_session(self, values: npt.NDArray[np.generic]) -> Array:
        """Sums per-group values: `[G]` -> `[S]`; a session without candidates gets 0."""
        sums = np.bincount(self.group_sessions, weights=values, minlength=len(self.lengths))
        return np.asarray(sums, dtype=np.float64)


def _order(
    sessions: npt.NDArray[np.int64], scores: npt.NDArray[np.generic]
) -> npt.NDArray[np.int64]:
    # Complex numbers compare by real, then by imaginary part: one stable sort of almost sorted
    # keys, several times faster than `np.lexsort`.
    keys = np.empty(len(scores), dtype=np.complex128)
    keys.real = sessions
    keys.imag = np.negative(scores, dtype=np.float64)
    return np.argsort(keys, kind="stable")


def _group_starts(
    sessions: npt.NDArray[np.int64], sorted_scores: npt.NDArray[np.generic]
) -> npt.NDArray[np.int64]:
    starts = np.ones(len(sessions), dtype=bool)
    starts[1:] = (sorted_scores[1:] != sorted_scores[:-1]) | (sessions[1:] != sessions[:-1])
    return np.flatnonzero(starts)


def _checked_lengths(lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    given = np.asarray(lengths)
    whole = given.astype(np.int64)
    if given.ndim != 1 or (whole != given).any() or (whole < 0).any():
        raise ValueError(
            "`lengths` must be a list of whole numbers, none negative. "
            f"Received: lengths={np.array2string(given, threshold=8)}"
        )
    return whole


def _check_candidates(scores: npt.NDArray[np.generic], labels: Array, count: int) -> None:
    if scores.shape != (count,) or labels.shape != (count,):
        raise ValueError(
            f"`scores` and `labels` must have shape ({count},), the sum of `lengths`. "
            f"Received: scores.shape={scores.shape}, labels.shape={labels.shape}"
        )
    missing = np.flatnonzero(np.isnan(scores))
    if len(missing):
        raise ValueError(
            "`scores` must not be NaN, which has no rank. "
            f"Received: {len(missing)} NaN, the first at position {missing[0]}"
        )
    wrong = np.flatnonzero(~(labels >= 0) | np.isinf(labels))
    if len(wrong):
        raise ValueError(
            "`labels` must be 0 or positive and finite. "
            f"Received: {len(wrong)} others, the first is {labels[wrong[0]]} at {wrong[0]}"
        )
