import numpy as np
import pyarrow as pa
import pytest

from ranking.sources.session_splitting import split_by_time, split_by_user
from ranking.sources.source_error import SourceError


def _chunks(values, size=7):
    return [pa.array(values[start : start + size]) for start in range(0, len(values), size)]


def test_newest_sessions_are_test_and_those_before_validation():
    times = np.random.default_rng(3).permutation(100).tolist()
    splitting = split_by_time("time", _chunks(times), 0.2, 0.1)
    expected = [2 if time >= 90 else 1 if time >= 70 else 0 for time in times]
    assert splitting.split_of(pa.array(times)).tolist() == expected
    assert list(splitting.sessions) == [70, 20, 10]


def test_sessions_of_the_same_time_stay_together_in_the_later_split():
    times = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    splitting = split_by_time("time", _chunks(times), 0.3, 0.1)
    assert splitting.split_of(pa.array(times)).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert list(splitting.sessions) == [3, 3, 4]


@pytest.mark.parametrize(("validation", "test", "parts"), [(0, 0.5, {0, 2}), (0.5, 0, {0, 1})])
def test_a_share_of_zero_leaves_the_split_out(validation, test, parts):
    splitting = split_by_time("time", _chunks([1, 2, 3, 4]), validation, test)
    assert set(splitting.split_of(pa.array([0, 1, 2, 3, 4, 5])).tolist()) == parts


@pytest.mark.parametrize("times", [[], [5], [5, 5, 5, 5], [1, 5, 5, 5, 5, 5]])
def test_an_empty_split_is_an_error(times):
    with pytest.raises(SourceError, match="`time` leaves .* empty"):
        split_by_time("time", _chunks(times), 0.2, 0.2)


def test_a_user_is_in_one_split_and_shares_are_kept():
    users = [f"user {number % 2000}" for number in range(6000)]
    splitting = split_by_user("user_id", _chunks(users, 999), 0.1, 0.2, seed=5)
    split = splitting.split_of(pa.array(users))
    np.testing.assert_array_equal(split[:2000], split[2000:4000])
    np.testing.assert_array_equal(np.bincount(split), splitting.sessions)
    np.testing.assert_allclose(np.bincount(split) / 6000, [0.7, 0.1, 0.2], atol=0.03)


def test_the_seed_decides_and_other_users_do_not():
    users = [str(number) for number in range(300)]
    one, same, other = (
        split_by_user("user_id", [pa.array(seen)], 0.2, 0.2, seed=seed).split_of(pa.array(users))
        for seen, seed in ((users, 1), (users[:99], 1), (users, 2))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_too_few_users_are_an_error():
    with pytest.raises(SourceError, match="`user_id` leaves .* empty"):
        split_by_user("user_id", [pa.array(["a", "a"])], 0.1, 0.1, seed=0)
