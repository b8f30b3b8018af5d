import numpy as np
import pytest

from ranking.sources.category_negatives import CategoryNegatives
from ranking.sources.sequence_file import UserSequences
from ranking.sources.source_error import SourceError

PARTS = [[0, 1, 2], [3], [0, 5, 6, 7]]
SEQUENCES = UserSequences(
    users=list("xyz"),
    items=[str(item) for item in range(13)],
    sequence=np.concatenate(PARTS),
    offsets=np.cumsum([0, *map(len, PARTS)]),
)
# 1: items 0 to 6, 2: items 7 to 9, 3: item 10 alone; 11 and 12 have no category.
CATEGORIES = np.array([1] * 7 + [2] * 3 + [3] + [0] * 2)


def drawn(user, target, count, draws=1, **more):
    negatives = CategoryNegatives(SEQUENCES, CATEGORIES, **more)
    users, targets = np.full(draws, user), np.full(draws, target)
    return negatives.draw(users, targets, count, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("user", "target", "count", "alike"),
    [
        (0, 0, 4, {3, 4, 5, 6}),  # As many as the category leaves.
        (0, 0, 2, {3, 4, 5, 6}),
        (0, 0, 6, {3, 4, 5, 6}),  # More than that.
        (2, 7, 5, {8, 9}),
        (1, 10, 3, {10}),  # The target stands for another user's item here.
        (1, 11, 3, set()),  # No category.
    ],
)
def test_items_are_of_the_category_as_far_as_it_goes(user, target, count, alike):
    for row in drawn(user, target, count, draws=200):
        assert len(set(row)) == count and not set(row) & set(PARTS[user])
        assert len(set(row) & alike) == min(count, len(alike))


def test_all_items_of_the_category_are_equally_likely():
    shares = np.bincount(drawn(0, 0, 1, draws=16000)[:, 0], minlength=13) / 16000
    np.testing.assert_allclose(shares[3:7], 0.25, atol=0.02)


def test_what_fills_up_is_any_other_item():
    rows = drawn(2, 7, 3, draws=16000)
    others = rows[~np.isin(rows, [8, 9])]
    left = [item for item in range(13) if item not in {0, 5, 6, 7, 8, 9}]
    shares = np.bincount(others, minlength=13)[left] / 16000
    np.testing.assert_allclose(shares, 1 / len(left), atol=0.02)


def test_a_pool_weighs_items_of_the_category():
    pool = np.array([3, 4, 4, 4, 8])
    shares = np.bincount(drawn(0, 0, 1, draws=16000, pool=pool)[:, 0], minlength=13) / 16000
    np.testing.assert_allclose(shares[[3, 4]], [0.25, 0.75], atol=0.02)
    assert set(drawn(0, 0, 3, pool=pool)[0]) == {3, 4, 8}


def test_the_share_of_the_category_is_counted():
    negatives = CategoryNegatives(SEQUENCES, CATEGORIES)
    users, targets = np.array([0, 2, 1]), np.array([0, 7, 11])
    assert negatives.share_in_category(users, targets, 4) == pytest.approx((4 + 2 + 0) / 12)


def test_asking_for_more_items_than_there_are_is_an_error():
    with pytest.raises(SourceError, match="`test_negatives` must be at most 9"):
        CategoryNegatives(SEQUENCES, CATEGORIES).check_count(10, np.array([2]), "test_negatives")
