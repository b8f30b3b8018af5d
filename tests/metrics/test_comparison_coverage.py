"""Intervals and p-values are what they say, over many test sets drawn from a known population."""

import numpy as np
import pytest

from ranking.metrics.comparison import compare_systems, holm
from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_auc import session_auc
from ranking.metrics.significance import paired_t_test

DRAWS = 200
CANDIDATES = 11


def _population(users, rng, *, perturbed=0.01):
    """User, and session AUC of a model and of it with some scores perturbed, for each session."""
    sessions = rng.integers(1, 6, size=users)
    owner = np.repeat(np.arange(users), sessions)
    taste = np.repeat(rng.uniform(0.0, 3.0, size=users), sessions)[:, None]
    labels = np.zeros((len(owner), CANDIDATES))
    labels[np.arange(len(owner)), rng.integers(CANDIDATES, size=len(owner))] = 1.0
    scores = taste * labels + rng.normal(size=labels.shape)
    changed = rng.random(size=scores.shape) < perturbed
    other = scores + np.where(changed, rng.normal(0.0, 3.0, size=scores.shape), 0.0)
    lengths = np.full(len(owner), CANDIDATES)
    aucs = [session_auc(RankedSessions.from_padded(s, labels, lengths)) for s in (scores, other)]
    return owner, *aucs


def _drawn(owner, users, rng):
    """The sessions of `users` users drawn from the population, and for each who they belong to."""
    starts = np.searchsorted(owner, np.arange(owner[-1] + 2))
    chosen = rng.integers(owner[-1] + 1, size=users)
    rows = [np.arange(starts[user], starts[user + 1]) for user in chosen]
    return np.concatenate(rows), np.repeat(np.arange(1, users + 1), [len(each) for each in rows])


def _share(truth, comparisons, low, high):
    inside = [getattr(each, low) <= truth <= getattr(each, high) for each in comparisons]
    return float(np.mean(inside))


def test_intervals_cover_the_true_difference_to_a_model_with_one_percent_of_scores_perturbed():
    rng = np.random.default_rng(11)
    owner, base, other = _population(20_011, rng)
    truth = (other - base).mean()
    assert -0.01 < truth < -0.001
    comparisons = []
    for draw in range(DRAWS):
        rows, users = _drawn(owner, 1499, rng)
        comparisons.append(
            compare_systems([base[rows]], [other[rows]], users, seed=draw, draws=300)
        )
    # A rate of 95 % over 200 draws has a standard deviation of 1.5 %.
    assert 0.905 <= _share(truth, comparisons, "low", "high") <= 0.99
    assert 0.905 <= _share(truth, comparisons, "bootstrap_low", "bootstrap_high") <= 0.99
    assert np.mean([each.gain for each in comparisons]) == pytest.approx(truth, abs=2e-4)
    # The unpaired test sees nothing of it.
    assert np.mean([each.p_value_unpaired < 0.05 for each in comparisons]) < 0.01


def _clustered(rng, users=151):
    """Gains of sessions that share what their user likes; on average no gain."""
    sessions = rng.integers(1, 14, size=users)
    owner = np.repeat(np.arange(1, users + 1), sessions)
    gains = np.repeat(rng.normal(0.0, 0.1, size=users), sessions)
    base = rng.uniform(size=len(owner))
    return owner, base, base + gains + rng.normal(0.0, 0.1, size=len(owner))


def test_redrawing_users_covers_where_taking_sessions_for_independent_does_not():
    rng = np.random.default_rng(13)
    comparisons, sessions_alone = [], []
    for draw in range(DRAWS):
        owner, base, other = _clustered(rng)
        comparisons.append(compare_systems([base], [other], owner, seed=draw, draws=1000))
        sessions_alone.append(paired_t_test(base, other) >= 0.05)
    assert 0.905 <= _share(0.0, comparisons, "low", "high") <= 0.99
    assert 0.905 <= _share(0.0, comparisons, "bootstrap_low", "bootstrap_high") <= 0.99
    assert np.mean(sessions_alone) < 0.8
    assert [each.p_value_sessions >= 0.05 for each in comparisons] == sessions_alone


def test_a_family_without_differences_seldom_shows_one():
    rng = np.random.default_rng(17)
    corrected, uncorrected = [], []
    for draw in range(DRAWS):
        owner, base, other = _clustered(rng, users=211)
        segments = owner % 7
        family = [
            compare_systems(
                [base[segments == segment]],
                [other[segments == segment]],
                owner[segments == segment],
                seed=draw,
                draws=1,
            )
            for segment in range(7)
        ]
        uncorrected.append(any(each.verdict != "cannot tell" for each in family))
        corrected.append(any(each.verdict != "cannot tell" for each in holm(family)))
    assert np.mean(corrected) <= 0.05 + 3 * 0.0154
    assert np.mean(uncorrected) > 0.2
