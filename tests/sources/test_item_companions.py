"""Nearness of candidates to histories, against a plain loop over users."""

import numpy as np
import pytest

from ranking.sources.item_companions import NAMES, ItemCompanions
from ranking.sources.sequence_file import UserSequences

USERS, ITEMS = 53, 13


@pytest.fixture(scope="module")
def sequences():
    chance = np.random.default_rng(3)
    lists = [chance.permutation(ITEMS)[: chance.integers(1, 8)] for _ in range(USERS)]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    names = [f"u{user}" for user in range(USERS)], [f"i{item}" for item in range(ITEMS)]
    return UserSequences(*names, np.concatenate(lists), offsets)


def _items(sequences, user):
    return sequences.sequence[sequences.offsets[user] : sequences.offsets[user + 1]].tolist()


def _expected(sequences, folds, user, position, candidate):
    counted = [set(_items(sequences, u)) for u in folds if folds[u] != folds.get(user)]
    near = []
    for item in _items(sequences, user)[:position]:
        both = sum({item, candidate} <= items for items in counted)
        with_one = [sum(one in items for items in counted) for one in (item, candidate)]
        near.append(both / np.sqrt(np.prod(with_one)) if both and item != candidate else 0.0)
    steps = range(len(near), 0, -1)
    return sum(near), max(near, default=0.0), sum(n / s for n, s in zip(near, steps, strict=True))


def test_nearness_is_that_of_a_plain_loop(sequences):
    train = np.array([user for user in range(USERS) if user % 4])
    companions = ItemCompanions(sequences, train, np.random.default_rng(5))
    drawn = np.random.default_rng(5).integers(10, size=len(train))
    folds = dict(zip(train.tolist(), drawn.tolist(), strict=True))
    # Users of train and others; one without a history.
    users = np.array([1, 2, 4, 8, 9])
    positions = np.maximum(sequences.lengths[users] - 1, 0)
    positions[1] = 0
    candidates = np.random.default_rng(7).integers(ITEMS, size=(5, 7))
    columns = companions(users, positions, candidates)
    assert tuple(columns) == NAMES and columns[NAMES[0]].max() > 0
    for row, column in np.ndindex(candidates.shape):
        one = users[row], positions[row], int(candidates[row, column])
        expected = _expected(sequences, folds, *map(int, one))
        found = [columns[name][row, column] for name in NAMES]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_what_a_train_user_chose_does_not_tell_of_the_choice(sequences):
    every = np.arange(USERS)
    before = ItemCompanions(sequences, every, np.random.default_rng(5))
    changed = sequences.sequence.copy()
    last = sequences.offsets[12] - 1  # of user 11
    changed[last] = next(i for i in range(ITEMS) if i not in _items(sequences, 11))
    other = UserSequences(sequences.users, sequences.items, changed, sequences.offsets)
    after = ItemCompanions(other, every, np.random.default_rng(5))
    user, position = np.array([11]), sequences.lengths[[11]] - 1
    candidates = np.arange(ITEMS)[None]
    for name in NAMES:
        np.testing.assert_array_equal(
            *(each(user, position, candidates)[name] for each in (before, after))
        )


def test_nothing_is_near_where_no_session_has_a_history(sequences):
    companions = ItemCompanions(sequences, np.arange(USERS), np.random.default_rng(5))
    candidates = np.arange(6).reshape(2, 3)
    columns = companions(np.array([3, 4]), np.array([0, 0]), candidates)
    for name in NAMES:
        np.testing.assert_array_equal(columns[name], np.zeros((2, 3), np.float32))
