"""AUC over all candidates of a group, while they stream by."""

import numpy as np
import numpy.typing as npt

from ranking.metrics.group_rows import with_rows
from ranking.metrics.ranked_sessions import Array
from ranking.metrics.score_bins import (
    BINS,
    Integers,
    Scores,
    float_bins,
    logit_bins,
    ordered_pattern,
    pattern_scores,
)

_CELLS = 2 * BINS  # negatives and positives of every bin
_ROW_SHIFT = 33  # below it, the pattern of a score and one bit for its label
_PATTERN = 2**32 - 1


class StreamedAuc:
    """Adds up candidates and maps them to the pooled AUC of any number of groups.

    A group is exact as long as it has at most `exact_candidates`: all its scores are kept. Of a
    larger one only counts are kept, of positives and negatives by bin of the score: of the logit,
    40 / 2^16 wide, for probabilities (`logit_bins`), else of the float's upper bits (`float_bins`).
    Pairs of different bins are still judged right, pairs within a bin count one half, as ties do;
    each is wrong by at most one half, so that with p_b positives and n_b negatives in bin b

        |streamed AUC - pooled AUC| <= sum_b p_b n_b / (2 P N),

    which is reported beside the AUC. A group takes at most 8 bytes for each candidate that is kept
    and 1 MiB of counts.

    Args:
        are_probabilities: Whether scores lie in [0, 1].
        exact_candidates: Largest size of a group that is exact.

    Example:
    >>> auc = StreamedAuc()
    >>> scores = np.array([0.1, 0.4, 0.4, 0.8], np.float32)
    >>> auc.update(scores, np.array([0, 0, 1, 1]), [3, 1], np.array([[0, 1], [0, 2]]))
    >>> auc.results()
    [(0.875, 0.0), (0.75, 0.0), (nan, 0.0)]
    """

    def __init__(self, *, are_probabilities: bool = True, exact_candidates: int = 2**16) -> None:
        self.exact_candidates = exact_candidates
        self._bins = logit_bins if are_probabilities else float_bins
        self._sizes = np.zeros(0, dtype=np.int64)
        self._slots = np.zeros(0, dtype=np.int64)  # -1 where a row is exact
        self._counts = np.zeros((0, _CELLS), dtype=np.int64)
        self._slot_count = 0
        self._keys: list[Integers] = []

    def update(
        self, scores: Scores, labels: npt.ArrayLike, lengths: npt.ArrayLike, rows: Integers
    ) -> None:
        """Adds candidates of whole sessions.

        Args:
            scores: `[N]` float32, none of them NaN.
            labels: `[N]`; above 0 is a positive.
            lengths: `[S]` candidates of each session.
            rows: `[S, D]` numbers of the D groups that each session is in, from 0.
        """
        lengths = np.asarray(lengths, dtype=np.int64)
        if not lengths.sum():
            return
        self._make_room(rows, lengths)
        positive = (np.asarray(labels) > 0).astype(np.int64)
        keys = ordered_pattern(scores) * 2 + positive
        cells = positive * BINS + self._bins(scores)
        for column in rows.T:
            slots = self._slots[column]
            exact = slots < 0
            places = np.repeat(slots * _CELLS, lengths) + cells
            if exact.any():
                kept = np.repeat(exact, lengths)
                self._keys.append((np.repeat(column << _ROW_SHIFT, lengths) + keys)[kept])
                places = places[~kept]
            np.add.at(self._counts.reshape(-1), places, 1)

    def results(self) -> list[tuple[float, float]]:
        """AUC of every row, NaN where it lacks a class, and the most it can be wrong by."""
        # Sorted for good, so that the next call finds it done.
        self._keys = [np.sort(np.concatenate([np.zeros(0, np.int64), *self._keys]))]
        ends = np.searchsorted(self._keys[0], np.arange(len(self._sizes) + 1) << _ROW_SHIFT)
        kept = np.split(self._keys[0], ends)[1:-1]
        return [self._result(row, keys & (2**_ROW_SHIFT - 1)) for row, keys in enumerate(kept)]

    def _make_room(self, rows: Integers, lengths: Integers) -> None:
        """Counts the candidates of every row, and gives bins to rows that become too large."""
        count = int(rows.max()) + 1
        self._sizes = np.append(self._sizes, np.zeros(max(0, count - len(self._sizes)), np.int64))
        self._slots = np.append(self._slots, np.full(max(0, count - len(self._slots)), -1))
        np.add.at(self._sizes, rows, lengths[:, None])
        large = np.flatnonzero((self._sizes > self.exact_candidates) & (self._slots < 0))
        self._slots[large] = self._slot_count + np.arange(len(large))
        self._slot_count += len(large)
        self._counts = with_rows(self._counts, self._slot_count)

    def _result(self, row: int, keys: Integers) -> tuple[float, float]:
        if self._slots[row] < 0:
            return _auc(*_tie_groups(keys)), 0.0
        counts = self._counts[self._slots[row]].copy()
        np.add.at(counts, (keys & 1) * BINS + self._bins(pattern_scores(keys >> 1)), 1)
        negatives, positives = counts.reshape(2, BINS).astype(np.float64)
        pairs = positives.sum() * negatives.sum()
        bound = float(positives @ negatives / (2 * pairs)) if pairs else 0.0
        return _auc(negatives, positives), bound


def _tie_groups(keys: Integers) -> tuple[Array, Array]:
    """Sorted keys -> negatives and positives of every run of equal scores."""
    starts = np.flatnonzero(np.diff(keys >> 1, prepend=-1))
    sizes = np.diff(starts, append=len(keys)).astype(np.float64)
    positives = np.add.reduceat(keys & 1, starts).astype(np.float64) if len(keys) else sizes
    return sizes - positives, positives


def _auc(negatives: Array, positives: Array) -> float:
    """Negatives and positives by rising score -> share of pairs in the right order."""
    pairs = positives.sum() * negatives.sum()
    beaten = np.cumsum(negatives) - 0.5 * negatives
    return float(positives @ beaten / pairs) if pairs else float("nan")
