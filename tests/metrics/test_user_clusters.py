import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.user_clusters import (
    clustered_variance,
    known_users,
    user_codes,
    user_count,
    user_sums,
)
from tests.helpers.metric_oracles import PROPERTY

ROWS = st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 4)), min_size=1, max_size=23)


def _loop_sums(values, users):
    sums = {}
    for value, user in zip(values, users, strict=True):
        sums[user] = sums.get(user, 0.0) + value
    return sums


@PROPERTY
@given(ROWS)
def test_variance_is_the_loop_over_users(rows):
    values, users = zip(*rows, strict=True)
    mean = sum(values) / len(values)
    sums = _loop_sums([value - mean for value in values], users)
    count = len(sums)
    expected = math.nan
    if count > 1:
        squares = sum(total**2 for total in sums.values())
        expected = squares / len(values) ** 2 * count / (count - 1)
    codes = user_codes(users, len(users))
    assert user_count(codes) == count
    np.testing.assert_allclose(clustered_variance(values, codes), expected, atol=1e-12)


@PROPERTY
@given(ROWS)
def test_sums_are_the_loop_over_users(rows):
    values, users = zip(*rows, strict=True)
    expected = _loop_sums(values, users)
    sums = user_sums(values, user_codes(users, len(users)))
    np.testing.assert_allclose(sums, [expected[user] for user in sorted(expected)], atol=1e-12)


def test_one_session_per_user_has_the_variance_of_the_t_test():
    values = np.random.default_rng(1).normal(size=31)
    expected = values.var(ddof=1) / 31
    assert clustered_variance(values, np.arange(31)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "users",
    [
        np.array(["a", "", "b", "a", ""]),
        np.array(["a", None, "b", "a", None], dtype=object),
        np.array([b"a", b"", b"b", b"a", b""], dtype=object),
        np.array(["a", "unknown", "b", "a", "unknown"]),
        [7.0, math.nan, 11.0, 7.0, math.nan],
        np.array([7, -1, 11, 7, -1]),
        np.array([7, 0, 11, 7, 0]),
        np.array([7, None, 11, 7, math.nan], dtype=object),
    ],
)
def test_a_session_without_a_user_stands_for_itself(users):
    codes = user_codes(users, 5)
    assert codes[0] == codes[3] and len(set(codes.tolist())) == 4
    assert sorted(set(codes.tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize("dtype", [np.int64, np.float64, object])
def test_numbers_below_0_are_users_but_for_the_missing_one(dtype):
    users = np.array([-(2**62), 7, -2, -(2**62), -1, -2, 0], dtype)
    assert known_users(users).tolist() == [True, True, True, True, False, True, False]
    codes = user_codes(users, 7)
    assert codes[0] == codes[3] and codes[2] == codes[5] and user_count(codes) == 5


def test_ids_above_all_signed_numbers_are_users():
    users = np.array([2**64 - 1, 0, 2**64 - 1, 2**64 - 2], np.uint64)
    assert known_users(users).tolist() == [True, False, True, True]
    assert user_count(user_codes(users, 4)) == 3


def test_without_users_every_session_is_its_own():
    np.testing.assert_array_equal(user_codes(None, 3), [0, 1, 2])
    assert user_count(user_codes(None, 0)) == 0


def test_users_of_other_sessions_are_an_error():
    with pytest.raises(ValueError, match=r"one id per session, shape \(3,\). Received: \(2,\)"):
        user_codes(["a", "b"], 3)
