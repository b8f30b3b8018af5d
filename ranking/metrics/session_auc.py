"""AUC within sessions: how often a positive is ranked above a negative of the same session."""

import numpy as np
import numpy.typing as npt

from ranking.metrics.ranked_sessions import Array, RankedSessions

_TIES = {"half": 0.5, "zero": 0.0}
_UNDEFINED = ("zero", "skip", "half")


def session_auc(ranked: RankedSessions, *, ties: str = "half") -> Array:
    """Maps ranked sessions to their AUC, `[S]`; NaN where a session lacks positives or negatives.

    The share of (positive, negative) pairs that the scores put in the right order (AW-MoE, eq. 12;
    the metric is the mean over sessions).

    Args:
        ranked: The sessions.
        ties: What a pair of equal scores counts: `"half"`, or `"zero"` as the equation's strict
            comparison has it. They differ where a model gives equal scores.

    Raises:
        ValueError: If `ties` is neither.

    Example:
    >>> session_auc(RankedSessions([0.9, 0.5, 0.5, 0.7], [0, 1, 0, 1], [3, 1]))
    array([0.25,  nan])
    """
    won, pairs = _won_pairs(ranked, ties)
    return _divide(won, pairs)


def micro_session_auc(ranked: RankedSessions, *, ties: str = "half") -> float:
    """Maps ranked sessions to the share of all their pairs in the right order; NaN without a pair.

    A session counts as much as it has pairs, where the mean of `session_auc` counts each once.

    Example:
    >>> micro_session_auc(RankedSessions([3, 2, 1, 2, 1], [1, 0, 0, 0, 1], [3, 2]))
    0.6666666666666666
    """
    won, pairs = _won_pairs(ranked, ties)
    return float(won.sum() / pairs.sum()) if pairs.any() else float("nan")


def session_auc_at_k(ranked: RankedSessions, k: int, *, undefined: str = "zero") -> Array:
    """Maps ranked sessions to the AUC of their `k` best-scored candidates, `[S]`.

    NaN where a session lacks positives or negatives altogether. Where several candidates tie for
    the last places of the top `k`, those places go to negatives first, against the model; which
    way the log had ordered them never matters. Ties inside the top count one half.

    Args:
        ranked: The sessions.
        k: Size of the top.
        undefined: How positives and negatives outside the top count.
            `"zero"`: all positives against the negatives of the top; a positive outside it loses
            every pair. (A top without negatives: each positive in it has won.)
            `"skip"`: AUC inside the top; NaN where the top lacks positives or negatives.
            `"half"`: as `"skip"`, but one half where the top lacks positives or negatives.

    Raises:
        ValueError: If `k` is below 1 or `undefined` is none of the three.

    Example:
    >>> ranked = RankedSessions([4, 3, 2, 1], [0, 1, 0, 1], [4])
    >>> session_auc_at_k(ranked, 3), session_auc_at_k(ranked, 3, undefined="skip")
    (array([0.25]), array([0.5]))
    """
    if k < 1:
        raise ValueError(f"`k` must be at least 1. Received: k={k}")
    if undefined not in _UNDEFINED:
        raise ValueError(f"`undefined` must be one of {_UNDEFINED}. Received: {undefined!r}")
    positives, negatives = _top(ranked, k)
    top_positives, top_negatives = map(ranked.sum_per_session, (positives, negatives))
    won = ranked.sum_per_session(positives * _beaten(ranked, negatives, top_negatives, 0.5))
    if undefined == "zero":
        won = np.where(top_negatives > 0, won, top_positives)
        auc = _divide(won, ranked.positives * np.maximum(top_negatives, 1.0))
    else:
        auc = _divide(won, top_positives * top_negatives)
        if undefined == "half":
            auc = np.where(np.isnan(auc), 0.5, auc)
    return np.where((ranked.positives > 0) & (ranked.negatives > 0), auc, np.nan)


def _won_pairs(ranked: RankedSessions, ties: str) -> tuple[Array, Array]:
    """Pairs in the right order and all pairs, `[S]` each."""
    if ties not in _TIES:
        raise ValueError(f"`ties` must be one of {tuple(_TIES)}. Received: {ties!r}")
    beaten = _beaten(ranked, ranked.group_negatives, ranked.negatives, _TIES[ties])
    won = ranked.sum_per_session(ranked.group_positives * beaten)
    return won, ranked.positives * ranked.negatives


def _top(ranked: RankedSessions, k: int) -> tuple[Array, Array]:
    """Positives and negatives of each group among its session's `k` best, `[G]` each."""
    places = np.clip(k - ranked.group_ranks, 0, ranked.group_sizes).astype(np.float64)
    negatives: Array = np.minimum(places, ranked.group_negatives)
    return places - negatives, negatives


def _beaten(ranked: RankedSessions, negatives: Array, in_session: Array, tie: float) -> Array:
    """Negatives that a positive of each group beats, `[G]`: those of later groups, some of its own.

    `negatives` `[G]` are those that count, `in_session` `[S]` their sums. All are whole numbers, so
    that the running sum over all sessions is exact.
    """
    through: npt.NDArray[np.float64] = np.cumsum(negatives)
    session_ends = np.cumsum(in_session)[ranked.group_sessions]
    return session_ends - through + tie * negatives


def _divide(numerator: Array, denominator: Array) -> Array:
    """The quotient, NaN where the denominator is 0."""
    quotient = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator > 0)
