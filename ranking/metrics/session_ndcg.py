"""NDCG within sessions: how near the top the positives are."""

import numpy as np

from ranking.metrics.ranked_sessions import Array, RankedSessions


def session_ndcg(ranked: RankedSessions, k: int | None = None) -> Array:
    """Maps ranked sessions to their NDCG, `[S]`; NaN where a session has no positive.

    AW-MoE, eq. 13 (the metric is the mean over sessions): gain `2^label - 1`, discount
    `1 / log2(rank + 1)`, divided by the best possible sum. Candidates that tie share the mean
    discount of their places, which is the expectation over random tie breaks: the order of the
    log, which may know the answer, never enters.

    Args:
        ranked: The sessions.
        k: Counts ranks 1 to `k` alone, by score above the line and by label below it; all ranks
            when left out.

    Raises:
        ValueError: If `k` is below 1.

    Example:
    >>> session_ndcg(RankedSessions([0.9, 0.5, 0.1], [0, 1, 0], [3])).round(4)
    array([0.6309])
    """
    if k is not None and k < 1:
        raise ValueError(f"`k` must be at least 1, or None for all ranks. Received: k={k}")
    discounts = _cumulated_discounts(ranked, k)
    is_binary = bool(((ranked.labels == 0) | (ranked.labels == 1)).all())
    gain = _gain(ranked, discounts, is_binary)
    best = _best_gain(ranked, discounts, is_binary)
    ndcg = np.full(gain.shape, np.nan)
    return np.divide(gain, best, out=ndcg, where=best > 0)


def _cumulated_discounts(ranked: RankedSessions, k: int | None) -> Array:
    """Entry r is the sum of the discounts of the first r ranks."""
    longest = int(ranked.lengths.max(initial=0))
    ranks = np.arange(1, longest + 1)
    discounts = 1.0 / np.log2(ranks + 1.0)
    if k is not None:
        discounts[k:] = 0.0
    return np.concatenate([[0.0], np.cumsum(discounts)])


def _gain(ranked: RankedSessions, discounts: Array, is_binary: bool) -> Array:
    first, sizes = ranked.group_ranks, ranked.group_sizes
    mean_discounts = (discounts[first + sizes] - discounts[first]) / sizes
    if is_binary:  # 2^1 - 1 is 1
        return ranked.sum_per_session(ranked.group_positives * mean_discounts)
    gains = ranked.sum_per_group(np.exp2(ranked.labels) - 1.0)
    return ranked.sum_per_session(gains * mean_discounts)


def _best_gain(ranked: RankedSessions, discounts: Array, is_binary: bool) -> Array:
    if is_binary:
        return discounts[ranked.positives.astype(np.int64)]
    best = RankedSessions(ranked.labels, ranked.labels, ranked.lengths)
    return _gain(best, discounts, is_binary)
