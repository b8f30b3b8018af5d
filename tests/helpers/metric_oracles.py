"""Session metrics as plain loops, written from the formulas."""

import itertools
import math
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st

Session = Sequence[tuple[float, float]]  # (score, label) of each candidate

# Machines differ in speed, and a slow one is no failure.
PROPERTY = settings(deadline=None, max_examples=40)

# Few different scores, so that ties are common.
SESSIONS = st.lists(
    st.lists(st.tuples(st.integers(-2, 3), st.integers(0, 1)), max_size=6), max_size=7
)


def flat(sessions: Sequence[Session]) -> tuple[list[float], list[float], list[int]]:
    """Scores, labels and lengths of sessions."""
    candidates = [candidate for session in sessions for candidate in session]
    scores = [float(score) for score, _ in candidates]
    labels = [float(label) for _, label in candidates]
    return scores, labels, [len(session) for session in sessions]


def loop_auc(session: Session, tie: float = 0.5) -> float:
    """Share of (positive, negative) pairs in the right order."""
    pairs = [
        (positive, negative)
        for positive, positive_label in session
        for negative, negative_label in session
        if positive_label > 0 and negative_label == 0
    ]
    won = sum(1.0 if p > n else tie if p == n else 0.0 for p, n in pairs)
    return won / len(pairs) if pairs else math.nan


def loop_auc_at_k(session: Session, k: int, undefined: str) -> float:
    """AUC of the top k, negatives first among those that tie for the last places."""
    if math.isnan(loop_auc(session)):
        return math.nan
    ranked = sorted(session, key=lambda candidate: (-candidate[0], candidate[1]))
    top, rest = ranked[:k], ranked[k:]
    if undefined != "zero":
        auc = loop_auc(top)
        return 0.5 if undefined == "half" and math.isnan(auc) else auc
    negatives = [score for score, label in top if label == 0]
    shares = [0.0 for _, label in rest if label > 0]
    for positive in (score for score, label in top if label > 0):
        won = sum(1.0 if positive > n else 0.5 if positive == n else 0.0 for n in negatives)
        shares.append(won / len(negatives) if negatives else 1.0)
    return sum(shares) / len(shares)


def loop_ndcg(session: Session, k: int | None = None) -> float:
    """Mean NDCG over every order that agrees with the scores."""
    if not any(label > 0 for _, label in session):
        return math.nan
    orders = [
        order
        for order in itertools.permutations(session)
        if all(a[0] >= b[0] for a, b in itertools.pairwise(order))
    ]
    best = _dcg(sorted((label for _, label in session), reverse=True), k)
    return sum(_dcg([label for _, label in order], k) for order in orders) / len(orders) / best


def _dcg(labels: Sequence[float], k: int | None) -> float:
    return sum((2**label - 1) / math.log2(rank + 1) for rank, label in enumerate(labels[:k], 1))
