"""Nearness of candidates to histories, against a plain loop over users."""

import numpy as np
import pytest

from ranking.sources.item_attributes import ItemAttributes
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


def _companions(sequences, attributes, train, is_trained=None):
    """With the folds of seed 5; without `is_trained`, train sees all of its users."""
    if is_trained is None:
        is_trained = np.isin(sequences.owners, train)
    generator = np.random.default_rng(5)
    return ItemCompanions(sequences, attributes, train, is_trained, generator)


def _items(sequences, user):
    return sequences.sequence[sequences.offsets[user] : sequences.offsets[user + 1]].tolist()


@pytest.fixture(scope="module")
def attributes():
    chance = np.random.default_rng(11)
    names = ["", *(f"a{number}" for number in range(1, 9))]
    categories, brands = chance.integers(1, 5, size=ITEMS), chance.integers(5, 9, size=ITEMS)
    categories[2] = brands[3] = brands[4] = 0  # Two without a brand, one without a category.
    none = np.zeros(0, np.int64)
    return ItemAttributes(
        names, categories, np.zeros_like(categories), brands, none, np.zeros(ITEMS + 1, int), 0
    )


def _expected(sequences, values, folds, user, position, candidate):
    """The three numbers of one candidate, by a loop over users; `values` are those of items."""

    def had(one):
        return [values[item] for item in _items(sequences, one)]

    counted = [set(had(u)) for u in folds if folds[u] != folds.get(user)]
    wanted, near = values[candidate], []
    for value in had(user)[:position]:
        both = sum({value, wanted} <= each for each in counted)
        with_one = [sum(one in each for each in counted) for one in (value, wanted)]
        is_pair = both and value != wanted and value and wanted
        near.append(1000 * both / np.sqrt(np.prod(with_one)) if is_pair else 0.0)
    steps = range(len(near), 0, -1)
    return sum(near), max(near, default=0.0), sum(n / s for n, s in zip(near, steps, strict=True))


def test_nearness_is_that_of_a_plain_loop(sequences, attributes):
    train = np.array([user for user in range(USERS) if user % 4])
    companions = _companions(sequences, attributes, train)
    drawn = np.random.default_rng(5).integers(10, size=len(train))
    folds = dict(zip(train.tolist(), drawn.tolist(), strict=True))
    # Users of train and others; one without a history.
    users = np.array([1, 2, 4, 8, 9])
    positions = np.maximum(sequences.lengths[users] - 1, 0)
    positions[1] = 0
    candidates = np.stack([np.random.default_rng(7 + u).permutation(ITEMS) for u in users])
    columns = companions(users, positions, candidates)
    assert tuple(columns) == NAMES and all(column.max() > 0 for column in columns.values())
    of_fields = np.arange(1, ITEMS + 1), attributes.categories, attributes.brands
    for row, column in np.ndindex(candidates.shape):
        user, position = int(users[row]), int(positions[row])
        candidate = int(candidates[row, column])
        expected = [
            number
            for values in of_fields
            for number in _expected(sequences, values, folds, user, position, candidate)
        ]
        found = [columns[name][row, column] for name in NAMES]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_what_a_train_user_chose_does_not_tell_of_the_choice(sequences, attributes):
    every = np.arange(USERS)
    before = _companions(sequences, attributes, every)
    changed = sequences.sequence.copy()
    last = sequences.offsets[12] - 1  # of user 11
    changed[last] = next(i for i in range(ITEMS) if i not in _items(sequences, 11))
    other = UserSequences(sequences.users, sequences.items, changed, sequences.offsets)
    after = _companions(other, attributes, every)
    user, position = np.array([11]), sequences.lengths[[11]] - 1
    candidates = np.arange(ITEMS)[None]
    for name in NAMES:
        np.testing.assert_array_equal(
            *(each(user, position, candidates)[name] for each in (before, after))
        )


def test_what_train_does_not_see_is_not_counted(sequences, attributes):
    every, lengths = np.arange(USERS), sequences.lengths
    has_two = lengths > 1
    is_last = sequences.positions == (lengths - 1)[sequences.owners]
    is_left_out = is_last & has_two[sequences.owners]
    found = _companions(sequences, attributes, every, ~is_left_out)
    offsets = np.concatenate([[0], np.cumsum(lengths - has_two)])
    kept = sequences.sequence[~is_left_out]
    shorter = UserSequences(sequences.users, sequences.items, kept, offsets)
    expected = _companions(shorter, attributes, every)
    users = np.flatnonzero(lengths > 2)
    candidates = np.tile(np.arange(ITEMS), (len(users), 1))
    position = np.full(len(users), 2)
    for name in NAMES:
        np.testing.assert_array_equal(
            *(each(users, position, candidates)[name] for each in (found, expected))
        )


def test_nothing_is_near_where_no_session_has_a_history(sequences, attributes):
    companions = _companions(sequences, attributes, np.arange(USERS))
    candidates = np.arange(6).reshape(2, 3)
    columns = companions(np.array([3, 4]), np.array([0, 0]), candidates)
    for name in NAMES:
        np.testing.assert_array_equal(columns[name], np.zeros((2, 3), np.float32))
