"""The metrics of single sessions that evaluations report, by name."""

from ranking.metrics.ranked_sessions import Array, RankedSessions
from ranking.metrics.session_auc import session_auc, session_auc_at_k
from ranking.metrics.session_ndcg import session_ndcg

TOP = 10
SESSION_METRICS = ("session_auc", f"auc_at_{TOP}", f"auc_at_{TOP}_skip", "ndcg", f"ndcg_at_{TOP}")


def session_metrics(ranked: RankedSessions) -> dict[str, Array]:
    """Maps ranked sessions to `SESSION_METRICS`, `[S]` each; NaN where a session has none.

    `auc_at_10` counts all positives against the negatives of the ten best; `auc_at_10_skip` looks
    inside the ten best alone (see `session_auc_at_k`).

    Example:
    >>> metrics = session_metrics(RankedSessions([0.9, 0.5, 0.7], [0, 1, 1], [2, 1]))
    >>> metrics["session_auc"], metrics["ndcg"].round(2)
    (array([ 0., nan]), array([0.63, 1.  ]))
    """
    values = (
        session_auc(ranked),
        session_auc_at_k(ranked, TOP, undefined="zero"),
        session_auc_at_k(ranked, TOP, undefined="skip"),
        session_ndcg(ranked),
        session_ndcg(ranked, TOP),
    )
    return dict(zip(SESSION_METRICS, values, strict=True))
