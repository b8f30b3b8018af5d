import math

import numpy as np
import pytest
from scipy import stats

from ranking.metrics.gain_error import GainError, gain_error
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
    # What is known of the sessions was taken off a variance that is as uncertain as before.
    by_seeds = [system.mean(1).var(ddof=1) / len(system) for system in (base, other)]
    estimates = [parts[0][0], *by_seeds]
    uncertainty = sum(each**2 / part[1] for each, part in zip(estimates, parts, strict=True))
    assert found.freedom == pytest.approx(variance**2 / uncertainty, rel=1e-12)
    assert found.freedom < 10  # a few seeds that differ much


def test_the_known_spread_counts_where_the_other_is_unknown():
    rng = np.random.default_rng(3)
    base, other = _system(rng, 1, 0.0, 1.0), _system(rng, 3, 0.5, 1.0)
    codes = np.arange(SESSIONS)
    alone = gain_error(base, other.mean(0, keepdims=True), codes)
    assert gain_error(base, other, codes).error > 1.5 * alone.error


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(
    ("seed_sd", "gain_sd"),
    [(0.0, 0.0), (0.0, 1.0), (0.03, 0.5), (0.07, 0.5), (0.12, 0.0), (0.15, 0.0), (0.3, 0.5)],
)
def test_interval_covers_the_true_gain(seeds, seed_sd, gain_sd):
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(1000):
        base = _system(rng, seeds, seed_sd, 1.0)
        other = _system(rng, seeds, seed_sd, 1.0) + rng.normal(0.11, gain_sd, size=SESSIONS)
        found = gain_error(base, other, np.arange(SESSIONS))
        low, high = t_interval(other.mean() - base.mean(), found.error, found.freedom)
        covered.append(low <= 0.11 <= high)
    # A rate of 95 % over 1,000 draws has a standard deviation of 0.7 %.
    assert 0.93 <= np.mean(covered) <= 0.99


def test_p_values_that_a_family_of_28_asks_for_come_about_as_seldom_as_they_say():
    rng, found = np.random.default_rng(6), []
    sessions, draws = 97, 8000
    for _ in range(draws):
        systems = rng.normal(0.0, 1.0, size=(2, 3, sessions))
        base, other = systems + rng.normal(0.0, math.sqrt(2 / sessions), size=(2, 3, 1))
        gain = other.mean() - base.mean()
        found.append(gain_error(base, other, np.arange(sessions)).p_value(gain, sessions))
    # Three times as often where seeds that lie close together count as known to be alike.
    assert np.mean(np.array(found) < 0.05 / 28) < 2.0 * 0.05 / 28
    assert np.mean(np.array(found) < 0.05) < 0.05


def test_the_error_of_users_alone_would_not_cover():
    rng, covered = np.random.default_rng(7), []
    for _ in range(200):
        base, other = _system(rng, 3, 0.3, 1.0), _system(rng, 3, 0.3, 1.0)
        gains = other.mean(0) - base.mean(0)
        covered.append(abs(gains.mean()) <= 1.96 * gains.std(ddof=1) / math.sqrt(SESSIONS))
    assert np.mean(covered) < 0.6


def test_equal_values_have_no_error_and_one_user_has_no_known_error():
    values = np.ones((3, 7))
    assert gain_error(values, values, np.arange(7)).error == 0.0
    assert math.isnan(gain_error(values, values, np.zeros(7, dtype=np.int64)).error)


@pytest.mark.parametrize("users", [1, 2, 5])
def test_so_few_users_tell_nothing(users):
    values = np.random.default_rng(1).normal(size=(3, SESSIONS))
    found = gain_error(values, values + 0.1, np.arange(SESSIONS) % users)
    assert math.isnan(found.error) and math.isnan(found.p_value(0.1, users))


def test_six_users_who_gain_alike_can_be_told():
    # Of 64 ways in which six coins fall, two have all alike.
    assert GainError(0.0, math.inf).p_value(0.5, users=6) == 2 / 64
    assert GainError(1e-9, 5.0).p_value(-0.5, users=6) == 2 / 64
    assert GainError(0.1, 5.0).p_value(0.1, users=6) == pytest.approx(2 * stats.t.sf(1.0, 5))
