"""Beliefs about exclusive wants, against a count of many made-up days."""

import itertools

import numpy as np
import pytest

from ranking.sources.simulated_beliefs import DayBeliefs, Meetings

DAYS = 400_000
# Pages of one pair on a day: the scenario, and the probabilities of a click and of an order.
PAGES = ((0, 0.5, 0.2), (1, 0.6, 0.3), (0, 0.7, 0.1))


def _one(scenario, click, order):
    number = np.array([1])
    return Meetings(number, number, np.array([scenario]), np.array([click]), np.array([order]))


def _days(share, rng):
    """Acts `[DAYS, pages]` drawn as the words say: 0 nothing, 1 a click, 2 an order."""
    is_exclusive, place = rng.random(DAYS) < share, rng.integers(2, size=DAYS)
    lasting = rng.random(DAYS)
    acts = []
    for scenario, click, order in PAGES:
        draw = np.where(is_exclusive, np.where(place == scenario, lasting, 1.0), rng.random(DAYS))
        acts.append((draw < click).astype(int) + (draw < order))
    return np.stack(acts, 1)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_probabilities_are_those_of_counted_days(share):
    days = _days(share, np.random.default_rng(11))
    looked_at = 0
    for earlier in itertools.product(range(3), repeat=2):
        fits = (days[:, :2] == earlier).all(axis=1)
        if fits.sum() < 2000:
            continue
        looked_at += 1
        beliefs = DayBeliefs(share)
        for page, act in zip(PAGES, earlier, strict=False):
            met = _one(*page)
            beliefs.probabilities(met)
            beliefs.observe(met, np.array([act > 0]), np.array([act > 1]))
        click, order = beliefs.probabilities(_one(*PAGES[2]))
        counted = days[fits, 2]
        bound = 4 * 0.5 / np.sqrt(fits.sum())
        assert abs(click[0] - (counted > 0).mean()) < bound
        assert abs(order[0] - (counted > 1).mean()) < bound
    assert looked_at >= 5


def test_pairs_do_not_mix_and_new_ones_know_nothing():
    beliefs = DayBeliefs(1.0)
    users, items = np.array([3, 3, 5]), np.array([7, 11, 7])
    met = Meetings(users, items, np.array([0, 0, 0]), np.full(3, 0.4), np.full(3, 0.1))
    np.testing.assert_allclose(beliefs.probabilities(met)[0], 0.2)
    beliefs.observe(met, np.array([True, False, False]), np.array([False, False, False]))
    other = Meetings(users, items, np.array([1, 1, 1]), np.full(3, 0.4), np.full(3, 0.1))
    # Clicked in the one scenario: never in the other. Not clicked: 0.2 of 0.2 + 0.3 + 0.3.
    np.testing.assert_allclose(beliefs.probabilities(other)[0], [0.0, 0.25, 0.25])
    fresh = Meetings(np.array([13]), np.array([7]), np.array([1]), np.ones(1), np.ones(1))
    np.testing.assert_allclose(beliefs.probabilities(fresh)[0], 0.5)
