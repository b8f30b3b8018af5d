import numpy as np
import pytest

from ranking.sources.fold_counts import NO_FOLD, FoldCounts

USERS, VALUES, FOLDS, OBSERVATIONS = 17, 11, 3, 61


@pytest.fixture(scope="module")
def observed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, values (with repetitions), and the fold of each user."""
    chance = np.random.default_rng(5)
    users = chance.integers(USERS, size=OBSERVATIONS)
    values = chance.integers(VALUES - 1, size=OBSERVATIONS)  # nobody has the last value
    return users, values, chance.permutation(np.arange(USERS) % FOLDS)


def _counted(observed: tuple[np.ndarray, np.ndarray, np.ndarray], fold: int, *wanted: int) -> float:
    """How many of 1000 users outside `fold` have all of the wanted values."""
    users, values, folds = observed
    counted = [user for user in range(USERS) if folds[user] != fold]
    having = [u for u in counted if set(wanted) <= set(values[users == u].tolist())]
    return 1000 * len(having) / len(counted)


def test_counts_are_those_of_a_plain_loop(
    observed: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    counts = FoldCounts(*observed, num_values=VALUES)
    folds = np.array([*range(FOLDS), NO_FOLD])
    values = np.tile(np.arange(VALUES), (len(folds), 1))
    having = counts.having(folds, values)
    both = counts.having_both(folds, values[:, :7], values)
    assert having.shape == (4, VALUES) and both.shape == (4, 7, VALUES)
    for row, fold in enumerate(folds):
        for second in range(VALUES):
            assert having[row, second] == pytest.approx(_counted(observed, fold, second))
            for first in range(7):
                expected = 0 if first == second else _counted(observed, fold, first, second)
                assert both[row, first, second] == pytest.approx(expected)
    assert (both > 0).any() and having[0].tolist() != having[1].tolist()


def test_what_a_user_has_changes_nothing_in_the_own_fold(
    observed: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    users, values, folds = observed
    changed = np.where(users == 2, 0, values)
    assert (changed != values).any()
    every = np.arange(VALUES)[None]
    before, after = (FoldCounts(users, of, folds, num_values=VALUES) for of in (values, changed))
    for fold in range(FOLDS):
        one = np.array([fold])
        same = (before.having(one, every) == after.having(one, every)).all()
        same_pairs = (
            before.having_both(one, every, every) == after.having_both(one, every, every)
        ).all()
        assert same == same_pairs == (fold == folds[2])


def test_without_observations_every_count_is_zero() -> None:
    none = np.zeros(0, np.int64)
    counts = FoldCounts(none, none, np.array([0, 1]), num_values=5)
    values = np.array([[1, 3]])
    assert counts.having(np.array([NO_FOLD]), values).tolist() == [[0, 0]]
    assert counts.having_both(np.array([0]), values, values).sum() == 0
