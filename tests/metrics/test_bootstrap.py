import itertools
import tracemalloc

import numpy as np
import pytest

from ranking.metrics.bootstrap import bootstrap_means, percentile_interval

VALUES = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])
CODES = np.array([0, 1, 1, 2, 2, 2])


def _all_means():
    """The mean of each of the 27 equally likely draws of three users."""
    users = [VALUES[CODES == user] for user in range(3)]
    draws = itertools.product(users, repeat=3)
    return np.array([np.concatenate(draw).mean() for draw in draws])


def test_draws_are_of_users_with_all_their_sessions():
    means = bootstrap_means(VALUES, CODES, draws=27_000, seed=3)
    expected, frequencies = np.unique(_all_means().round(9), return_counts=True)
    seen, counts = np.unique(means.round(9), return_counts=True)
    np.testing.assert_allclose(seen, expected)
    # A count of 1,000 expected draws has a standard deviation of about 31.
    np.testing.assert_allclose(counts, 1000 * frequencies, atol=4.5 * 31 * frequencies.max() ** 0.5)


def test_equal_seeds_give_equal_draws():
    first = bootstrap_means(VALUES, CODES, draws=101, seed=5)
    np.testing.assert_array_equal(first, bootstrap_means(VALUES, CODES, draws=101, seed=5))
    assert (first != bootstrap_means(VALUES, CODES, draws=101, seed=7)).any()


def test_more_draws_than_fit_at_once_are_all_made():
    values = np.random.default_rng(1).normal(size=100_003)
    means = bootstrap_means(values, np.arange(len(values)), draws=53)
    assert means.shape == (53,) and len(np.unique(means)) == 53
    assert means.std() == pytest.approx(len(values) ** -0.5, rel=0.4)


def test_memory_does_not_grow_with_the_draws():
    values, peaks = np.zeros(30_011), []
    for draws in (50, 500):
        tracemalloc.start()
        bootstrap_means(values, np.arange(len(values)), draws=draws)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_interval_leaves_equal_tails_out():
    means = np.random.default_rng(2).permutation(10_001)
    assert percentile_interval(means) == pytest.approx((250.0, 9750.0))


@pytest.mark.parametrize(("values", "draws"), [([], 5), ([1.0], 0)])
def test_nothing_to_draw_is_an_error(values, draws):
    with pytest.raises(ValueError, match=f"Received: draws={draws}, {len(values)} values"):
        bootstrap_means(values, np.zeros(len(values), dtype=np.int64), draws=draws)
