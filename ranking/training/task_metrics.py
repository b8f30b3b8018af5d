"""The metrics of one task, by segment."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ranking.metrics.calibration import expected_calibration_error, pcoc
from ranking.metrics.log_loss import log_losses
from ranking.metrics.pooled_auc import pooled_auc
from ranking.metrics.ranked_sessions import Array, RankedSessions
from ranking.metrics.session_auc import session_auc, session_auc_at_k
from ranking.metrics.session_ndcg import session_ndcg

Metrics = dict[str, float | int]
Codes = npt.NDArray[np.int64]

TOP = 10


class TaskMetrics:
    """Maps flat scores, labels `[N]` and lengths `[S]` to the metrics of any grouping of sessions.

    Sorting and the metrics of single sessions are done once, here; groups only average them.

    Args:
        scores: Float `[N]`, candidates of a session together.
        labels: `[N]`, 0 or 1.
        lengths: `[S]` candidates of each session.
        are_probabilities: Whether log loss and calibration mean something; they are NaN otherwise.
    """

    def __init__(
        self,
        scores: npt.NDArray[np.float32],
        labels: npt.NDArray[np.float32],
        lengths: npt.NDArray[np.int64],
        *,
        are_probabilities: bool = True,
    ) -> None:
        ranked = RankedSessions(scores, labels, lengths)
        self._per_session: dict[str, Array] = {
            "session_auc": session_auc(ranked),
            f"auc_at_{TOP}": session_auc_at_k(ranked, TOP, undefined="zero"),
            f"auc_at_{TOP}_skip": session_auc_at_k(ranked, TOP, undefined="skip"),
            "ndcg": session_ndcg(ranked),
            f"ndcg_at_{TOP}": session_ndcg(ranked, TOP),
        }
        self._pairs = ranked.positives * ranked.negatives
        self._positives = ranked.positives
        # Sorted once for all groups: what is sorted stays so in parts, and the AUC is quick on it.
        order = np.argsort(-scores)
        self._scores, self._labels = scores[order], labels[order]
        self._sessions = np.repeat(np.arange(len(lengths)), lengths)[order]
        self._losses = log_losses(self._scores, self._labels) if are_probabilities else None

    @property
    def per_session(self) -> dict[str, Array]:
        """The metrics of each session, `[S]` by name; NaN where a session has none."""
        return dict(self._per_session)

    def by_group(self, codes: Codes) -> dict[int, Metrics]:
        """The metrics of each group of sessions, by the code `[S]` that its sessions have."""
        groups, members = np.unique(codes, return_inverse=True)
        members = members.reshape(-1)
        candidates = _split(members[self._sessions], len(groups))
        return {
            int(group): {**self._session_metrics(sessions), **self._pooled_metrics(rows)}
            for group, sessions, rows in zip(
                groups, _split(members, len(groups)), candidates, strict=True
            )
        }

    def _session_metrics(self, sessions: Codes) -> Metrics:
        auc_by_pairs = self._per_session["session_auc"][sessions]
        pairs = self._pairs[sessions]
        metrics: Metrics = {
            name: _mean(values[sessions]) for name, values in self._per_session.items()
        }
        metrics["session_auc_micro"] = _mean(auc_by_pairs, pairs)
        metrics["sessions"] = len(sessions)
        metrics["sessions_with_auc"] = int((pairs > 0).sum())
        metrics["sessions_with_positive"] = int((self._positives[sessions] > 0).sum())
        metrics["positives"] = int(self._positives[sessions].sum())
        return metrics

    def _pooled_metrics(self, rows: Codes) -> Metrics:
        scores, labels = self._scores[rows], self._labels[rows]
        metrics: Metrics = {"auc": pooled_auc(scores, labels), "candidates": len(rows)}
        if self._losses is None:
            return metrics | dict.fromkeys(("log_loss", "pcoc", "ece"), float("nan"))
        return metrics | {
            "log_loss": _mean(self._losses[rows]),
            "pcoc": pcoc(scores, labels),
            "ece": expected_calibration_error(scores, labels),
        }


def _split(members: Codes, count: int) -> Iterator[Codes]:
    """Positions of the members 0, 1, ... `count` - 1 of a list, each ascending."""
    small = members.astype(np.uint16) if count <= 2**16 else members  # sorted in linear time
    order = np.argsort(small, kind="stable")
    ends = np.cumsum(np.bincount(members, minlength=count))
    return (order[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True))


def _mean(values: Array, weights: Array | None = None) -> float:
    """The mean of what is not NaN, NaN where nothing is."""
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    return float(np.average(values[known], weights=None if weights is None else weights[known]))
