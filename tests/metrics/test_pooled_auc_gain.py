import math

import numpy as np
import pytest

from ranking.metrics.comparison import BETTER, CANNOT_TELL, NO_DIFFERENCE
from ranking.metrics.pooled_auc_gain import compare_pooled_auc
from ranking.metrics.redrawn_auc import RedrawnAuc, redrawn_auc
from ranking.metrics.significance import t_interval

USERS = 97
CODES = np.repeat(np.arange(USERS), 5)


def _world(rng):
    """Labels and what makes candidates hard for every model."""
    labels = (rng.random(len(CODES)) < 0.3).astype(float)
    return labels, rng.normal(size=len(CODES))


def _system(rng, world, seeds, skill, seed_sd=0.0):
    labels, hard = world
    return [
        redrawn_auc(
            rng.normal(skill, seed_sd) * labels + hard + 0.5 * rng.normal(size=len(CODES)),
            labels,
            CODES,
            draws=300,
            seed=1,
        )
        for _ in range(seeds)
    ]


def _compare(base, other):
    return compare_pooled_auc(base, other, sessions=83, users=USERS)


def test_parts_are_joined_by_hand():
    rng = np.random.default_rng(2)
    world = _world(rng)
    base, other = _system(rng, world, 3, 0.5, 0.2), _system(rng, world, 5, 0.9, 0.3)
    found = _compare(base, other)
    draws = [np.mean([each.draws for each in system], axis=0) for system in (base, other)]
    parts = [((draws[1] - draws[0]).var(ddof=1), USERS - 1)]
    estimates = [parts[0][0]]
    for system, mean in zip((base, other), draws, strict=True):
        seeds = len(system)
        by_users = sum((each.draws - mean).var(ddof=1) for each in system)
        observed = np.var([each.value for each in system], ddof=1)
        parts.append(((observed - by_users / (seeds - 1)) / seeds, seeds - 1))
        estimates.append(observed / seeds)
    assert min(part for part, _ in parts) > 0
    variance = sum(part for part, _ in parts)
    uncertainty = sum(each**2 / part[1] for each, part in zip(estimates, parts, strict=True))
    freedom = variance**2 / uncertainty
    gain = np.mean([each.value for each in other]) - np.mean([each.value for each in base])
    assert found.gain == pytest.approx(gain)
    assert (found.low, found.high) == pytest.approx(t_interval(gain, math.sqrt(variance), freedom))
    assert found.base.seeds == 3 and found.other.seeds == 5 and found.sessions == 83


def test_a_large_gain_shows_and_the_same_system_has_none():
    rng = np.random.default_rng(3)
    world = _world(rng)
    base, other = _system(rng, world, 3, 0.2), _system(rng, world, 3, 1.5)
    found = _compare(base, other)
    assert found.verdict == BETTER and found.bootstrap_low > 0 and found.low > 0
    same = _compare(base, base)
    assert same.verdict == NO_DIFFERENCE and same.gain == same.low == same.high == 0.0


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(4)
    world = _world(rng)
    base = _system(rng, world, 3, 0.5)
    steady, shaky = _system(rng, world, 3, 0.5), _system(rng, world, 3, 0.5, 1.0)
    narrow, wide = _compare(base, steady), _compare(base, shaky)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert narrow.seed_spread_known and not _compare(base[:1], steady).seed_spread_known


@pytest.mark.parametrize("seed_sd", [0.0, 0.15])
def test_the_interval_covers_the_true_gain(seed_sd):
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(150):
        world = _world(rng)
        found = _compare(*(_system(rng, world, 3, 0.6, seed_sd) for _ in range(2)))
        covered.append(found.low <= 0.0 <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_what_cannot_be_computed_is_nan():
    nothing = RedrawnAuc(math.nan, np.full(7, math.nan))
    found = _compare([nothing], [nothing])
    assert math.isnan(found.gain) and math.isnan(found.p_value) and found.verdict == CANNOT_TELL
    one = RedrawnAuc(0.7, np.array([0.7]))
    assert math.isnan(_compare([one], [RedrawnAuc(0.8, np.array([0.8]))]).low)


def test_draws_without_a_value_are_left_out():
    base = RedrawnAuc(0.6, np.array([0.5, math.nan, 0.7, 0.6]))
    other = RedrawnAuc(0.8, np.array([0.8, math.nan, 0.8, 0.7]))
    found = _compare([base], [other])
    assert found.bootstrap_low > 0 and found.gain == pytest.approx(0.2)
    assert math.isfinite(found.p_value)


@pytest.mark.parametrize("draws", [(), (3, 5)])
def test_systems_that_do_not_match_are_one_clear_error(draws):
    systems = [[RedrawnAuc(0.5, np.zeros(count))] for count in draws] or [[], []]
    with pytest.raises(ValueError, match="with the same number of draws"):
        compare_pooled_auc(*systems, sessions=1, users=2)
