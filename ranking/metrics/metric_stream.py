"""All metrics of one ranker for every group of sessions, in one pass."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import scipy.sparse

from ranking.metrics.calibration import probability_bins
from ranking.metrics.group_rows import ALL_ROW, GroupRows, Integers, with_rows
from ranking.metrics.log_loss import log_losses
from ranking.metrics.ranked_sessions import Array, RankedSessions
from ranking.metrics.session_metrics import SESSION_METRICS, session_metrics
from ranking.metrics.streamed_auc import StreamedAuc

Metrics = dict[str, float | int]

_CALIBRATION_BINS = 20
_COUNTS = (
    "sessions",
    "sessions_with_auc",
    "sessions_with_positive",
    "candidates",
    "positives",
)
_KNOWN = tuple(f"known {name}" for name in SESSION_METRICS)
_NAMES = (*SESSION_METRICS, *_KNOWN, "won pairs", "pairs", *_COUNTS)
_LOSSES = ("log_loss", "pcoc", "ece")


class MetricStream:
    """Adds up sessions and maps them to the metrics of all of them and of any groups.

    Memory grows with the number of groups, never with that of sessions: every metric but the pooled
    AUC is a sum over sessions; that is counted in bins once a group is large (`StreamedAuc` gives
    the bound of its error).

    Args:
        are_probabilities: Whether log loss and calibration mean something; they are NaN otherwise.
        exact_candidates: Largest size of a group whose pooled AUC is exact.

    Example:
    >>> stream = MetricStream()
    >>> sessions = stream.update([0.9, 0.5, 0.5, 0.7], [0, 1, 0, 1], [3, 1], {"city": [7, 3]})
    >>> sessions["session_auc"]
    array([0.25,  nan])
    >>> metrics = stream.everything()
    >>> metrics["session_auc"], metrics["sessions"], metrics["sessions_with_auc"], metrics["auc"]
    (0.25, 2, 1, 0.375)
    >>> stream.by_group()["city"][3]["candidates"]
    1
    """

    def __init__(self, *, are_probabilities: bool = True, exact_candidates: int = 2**16) -> None:
        self._are_probabilities = are_probabilities
        self._groups = GroupRows()
        more = 2 + _CALIBRATION_BINS if are_probabilities else 0
        self._sums = np.zeros((1, len(_NAMES) + more))
        self._auc = StreamedAuc(
            are_probabilities=are_probabilities, exact_candidates=exact_candidates
        )

    def update(
        self,
        scores: npt.ArrayLike,
        labels: npt.ArrayLike,
        lengths: npt.ArrayLike,
        groups: Mapping[str, npt.ArrayLike] | None = None,
    ) -> dict[str, Array]:
        """Adds whole sessions -> the metrics of each of them, `[S]` by name (`session_metrics`).

        Args:
            scores: `[N]`, candidates of a session together; taken as float32.
            labels: `[N]`, 0 or 1.
            lengths: `[S]` candidates of each session.
            groups: By dimension, the code `[S]` of the group that each session is in. Give the same
                dimensions every time.

        Raises:
            ValueError: If sizes do not fit, a score is NaN, or a probability is none.
        """
        scores = np.asarray(scores, dtype=np.float32)
        ranked = RankedSessions(scores, labels, lengths)
        per_session = session_metrics(ranked)
        sums = _session_sums(ranked, per_session)
        if self._are_probabilities:
            sums = np.hstack([sums, _probability_sums(ranked, scores)])
        rows = self._groups.of_sessions(groups or {}, len(ranked.lengths))
        self._add(sums, rows)
        self._auc.update(scores, ranked.labels, ranked.lengths, rows)
        return per_session

    def everything(self) -> Metrics:
        """The metrics of all sessions.

        Means over sessions: `session_auc`, `auc_at_10`, `auc_at_10_skip`, `ndcg`, `ndcg_at_10`.
        Over candidates: `session_auc_micro` (pairs of one session; all pairs count the same), `auc`
        (pooled), `log_loss`, `pcoc`, `ece`. Counts: `sessions`, `sessions_with_auc` (both classes),
        `sessions_with_positive`, `candidates`, `positives`. NaN where there is no such number.
        """
        return self._metrics(ALL_ROW, self._auc.results())

    def by_group(self) -> dict[str, dict[int, Metrics]]:
        """The metrics of every group that had a session, by dimension and code."""
        aucs = self._auc.results()
        return {
            dimension: {code: self._metrics(row, aucs) for code, row in rows.items()}
            for dimension, rows in self._groups.by_dimension().items()
        }

    @property
    def auc_error(self) -> float:
        """The most that the pooled AUC of all sessions can be wrong by."""
        results = self._auc.results()
        return results[ALL_ROW][1] if results else 0.0

    def _add(self, sums: Array, rows: Integers) -> None:
        """Adds what sessions bring, `[S, columns]`, to the rows `[S, D]` they belong to."""
        self._sums = with_rows(self._sums, len(self._groups))
        members = np.flatnonzero(np.bincount(rows.reshape(-1)))
        self._sums[members] += _membership(np.searchsorted(members, rows), len(members)) @ sums

    def _metrics(self, row: int, aucs: list[tuple[float, float]]) -> Metrics:
        sums = dict(zip(_NAMES, self._sums[row].tolist(), strict=False))
        metrics: Metrics = {
            name: _quotient(sums[name], sums[known])
            for name, known in zip(SESSION_METRICS, _KNOWN, strict=True)
        }
        metrics["session_auc_micro"] = _quotient(sums["won pairs"], sums["pairs"])
        metrics["auc"] = aucs[row][0] if row < len(aucs) else float("nan")
        metrics |= {name: int(sums[name]) for name in _COUNTS}
        if not self._are_probabilities:
            return metrics | dict.fromkeys(_LOSSES, float("nan"))
        loss, predicted, *gaps = self._sums[row, len(_NAMES) :].tolist()
        values = (
            _quotient(loss, sums["candidates"]),
            _quotient(predicted, sums["positives"]),
            _quotient(sum(map(abs, gaps)), sums["candidates"]),
        )
        return metrics | dict(zip(_LOSSES, values, strict=True))


def _session_sums(ranked: RankedSessions, per_session: Mapping[str, Array]) -> Array:
    """What each session adds to the sums in `_NAMES`, `[S, names]`."""
    metrics = np.stack([per_session[name] for name in SESSION_METRICS], axis=1)
    pairs = ranked.positives * ranked.negatives
    won = np.nan_to_num(per_session["session_auc"], nan=0.0) * pairs
    counts = (
        np.ones(len(pairs)),
        pairs > 0,
        ranked.positives > 0,
        ranked.lengths,
        ranked.positives,
    )
    return np.hstack(
        [np.nan_to_num(metrics, nan=0.0), ~np.isnan(metrics), np.stack([won, pairs, *counts], 1)]
    )


def _probability_sums(ranked: RankedSessions, probabilities: npt.NDArray[np.float32]) -> Array:
    """What each session adds to the losses, `[S, 2 + bins]`: its log loss, its probabilities, and
    by calibration bin how far these are above its positives."""
    predicted = probabilities.astype(np.float64)
    count = len(ranked.lengths)
    sessions = np.repeat(np.arange(count), ranked.lengths)
    cells = sessions * _CALIBRATION_BINS + probability_bins(predicted, _CALIBRATION_BINS)
    size = count * _CALIBRATION_BINS
    gaps = np.bincount(cells, weights=predicted - (ranked.labels > 0), minlength=size)
    values = (log_losses(predicted, ranked.labels), predicted)
    sums = [np.bincount(sessions, weights=each, minlength=count) for each in values]
    return np.hstack([np.stack(sums, axis=1), gaps.reshape(count, _CALIBRATION_BINS)])


def _membership(members: Integers, groups: int) -> scipy.sparse.csc_matrix:
    """Groups of sessions `[S, D]` -> a matrix `[groups, S]`, 1 where a session is in a group."""
    sessions, dimensions = members.shape
    starts = np.arange(0, members.size + 1, dimensions)
    return scipy.sparse.csc_matrix(
        (np.ones(members.size), members.reshape(-1), starts), shape=(groups, sessions)
    )


def _quotient(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")
