import math

import numpy as np
import pytest

from ranking.metrics.gain_error import gain_error
from ranking.metrics.significance import t_interval
from ranking.metrics.user_clusters import clustered_variance

SESSIONS = 211


def _system(rng, seeds, seed_sd, session_sd):
    """Values of each seed: how good it is, and how it answers single sessions."""
    level = rng.normal(0.0, seed_sd, size=(seeds, 1))
    return level + rng.normal(0.0, session_sd, size=(seeds, SESSIONS))


def test_one_seed_each_has_the_error_of_users_alone():
    rng = np.random.default_rng(1)
    base, other = rng.normal(size=(2, 1, SESSIONS))
    codes = rng.permutation(np.arange(SESSIONS) % 53)
    found = gain_error(base, other, codes)
    assert found.error**2 == pytest.approx(clustered_variance((other - base)[0], codes))
    assert found.freedom == pytest.approx(52)


def test_parts_are_joined_by_hand():
    rng = np.random.default_rng(2)
    base, other = _system(rng, 3, 0.5, 1.0), _system(rng, 5, 0.7, 1.0)
    codes = np.arange(SESSIONS)
    parts = [((other.mean(0) - base.mean(0)).var(ddof=1) / SESSIONS, SESSIONS - 1)]
    for system in (base, other):
        seeds = len(system)
        by_sessions = (system - system.mean(0)).var(axis=1, ddof=1) / SESSIONS
        spread = system.mean(1).var(ddof=1) - by_sessions.sum() / (seeds - 1)
        parts.append((spread / seeds, seeds - 1))
    variance = sum(part for part, _ in parts)
    found = gain_error(base, other, codes)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-12)
    freedom = variance**2 / sum(part**2 / freedom for part, freedom in parts)
    assert found.freedom == pytest.approx(freedom, rel=1e-12)
    assert found.freedom < 10  # a few seeds that differ much


def test_the_known_spread_counts_where_the_other_is_unknown():
    rng = np.random.default_rng(3)
    base, other = _system(rng, 1, 0.0, 1.0), _system(rng, 3, 0.5, 1.0)
    codes = np.arange(SESSIONS)
    alone = gain_error(base, other.mean(0, keepdims=True), codes)
    assert gain_error(base, other, codes).error > 1.5 * alone.error


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(
    ("seed_sd", "gain_sd"), [(0.0, 0.0), (0.0, 1.0), (0.03, 0.5), (0.07, 0.5), (0.3, 0.5)]
)
def test_interval_covers_the_true_gain(seeds, seed_sd, gain_sd):
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(400):
        base = _system(rng, seeds, seed_sd, 1.0)
        other = _system(rng, seeds, seed_sd, 1.0) + rng.normal(0.11, gain_sd, size=SESSIONS)
        found = gain_error(base, other, np.arange(SESSIONS))
        low, high = t_interval(other.mean() - base.mean(), found.error, found.freedom)
        covered.append(low <= 0.11 <= high)
    # A rate of 95 % over 400 draws has a standard deviation of 1.1 %.
    assert 0.91 <= np.mean(covered) <= 0.985


def test_the_error_of_users_alone_would_not_cover():
    rng, covered = np.random.default_rng(7), []
    for _ in range(200):
        base, other = _system(rng, 3, 0.3, 1.0), _system(rng, 3, 0.3, 1.0)
        gains = other.mean(0) - base.mean(0)
        covered.append(abs(gains.mean()) <= 1.96 * gains.std(ddof=1) / math.sqrt(SESSIONS))
    assert np.mean(covered) < 0.6


def test_equal_values_have_no_error_and_one_user_has_no_known_error():
    values = np.ones((3, 4))
    assert gain_error(values, values, np.arange(4)).error == 0.0
    assert math.isnan(gain_error(values, values, np.zeros(4, dtype=np.int64)).error)
