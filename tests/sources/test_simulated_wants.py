"""Exclusive wants: one place a day, the same chance on every page of it."""

import numpy as np

from ranking.sources.simulated_wants import ExclusiveWants

USERS, ITEMS = np.arange(401), np.arange(503)


def _chances(wants, day, scenario, chance=0.25):
    shape = (len(USERS), len(ITEMS))
    return wants.chances(
        np.full(shape, chance),
        USERS,
        np.broadcast_to(ITEMS, shape),
        np.full(len(USERS), day),
        np.full(len(USERS), scenario),
    )


def test_every_exclusive_want_has_one_place_and_one_chance_a_day():
    wants = ExclusiveWants(1.0, 3)
    search, other = _chances(wants, 2, 0), _chances(wants, 2, 1)
    elsewhere = search == 1.0
    np.testing.assert_array_equal(elsewhere, other != 1.0)
    np.testing.assert_array_equal(search, _chances(wants, 2, 0))
    assert abs(elsewhere.mean() - 0.5) < 0.01
    lasting = np.where(elsewhere, other, search)
    for level in (0.1, 0.5, 0.9):
        assert abs((lasting < level).mean() - level) < 0.01


def test_days_users_items_and_seeds_differ():
    first = _chances(ExclusiveWants(1.0, 3), 2, 0)
    for changed in (
        _chances(ExclusiveWants(1.0, 3), 3, 0),
        _chances(ExclusiveWants(1.0, 4), 2, 0),
        np.roll(first, 1, 0),
        np.roll(first, 1, 1),
    ):
        assert abs(np.corrcoef(first.ravel(), changed.ravel())[0, 1]) < 0.01


def test_the_share_is_kept_and_the_rest_is_as_drawn():
    chances = _chances(ExclusiveWants(0.3, 5), 1, 1)
    assert abs((chances != 0.25).mean() - 0.3) < 0.01
    np.testing.assert_array_equal(_chances(ExclusiveWants(0.0, 5), 1, 1), 0.25)
