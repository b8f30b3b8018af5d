import numpy as np

from ranking.layers.behavior_ages import behavior_ages, newest_behaviors

MASK = np.random.default_rng(1).random((13, 7)) < 0.6
MASK[:2] = [[False] * 7, [True] * 7]


def test_ages_count_the_behaviors_behind():
    found = behavior_ages(MASK)
    assert found.dtype == "int32"
    for b, t in np.ndindex(MASK.shape):
        assert found[b, t] == sum(MASK[b, t + 1 :])


def test_newest_behaviors_are_kept():
    for max_length in (1, 3, 7, 11):
        found = np.asarray(newest_behaviors(MASK, max_length))
        for kept, mask in zip(found, MASK, strict=True):
            rows = np.flatnonzero(mask)
            np.testing.assert_array_equal(np.flatnonzero(kept), rows[-max_length:])


def test_zero_length():
    empty = MASK[:, :0]
    assert behavior_ages(empty).shape == newest_behaviors(empty, 2).shape == (13, 0)
