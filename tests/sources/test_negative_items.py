import numpy as np
import pytest

from ranking.sources.negative_items import NegativeItems
from ranking.sources.sequence_file import UserSequences
from ranking.sources.source_error import SourceError

PARTS = [[0, 1, 2], [3], [0, 5, 6, 7]]
SEQUENCES = UserSequences(
    users=list("xyz"),
    items=[str(item) for item in range(11)],
    sequence=np.concatenate(PARTS),
    offsets=np.cumsum([0, *map(len, PARTS)]),
)


def test_a_draw_has_no_item_of_the_user_and_none_twice():
    users = np.repeat([0, 1, 2], 300)
    drawn = NegativeItems(SEQUENCES).draw(users, users, 5, np.random.default_rng(1))
    for user, row in zip(users, drawn, strict=True):
        assert not set(row) & set(PARTS[user]) and len(set(row)) == 5


def test_all_other_items_are_equally_likely_at_every_place():
    drawn = NegativeItems(SEQUENCES).draw(*np.zeros((2, 16000), int), 3, np.random.default_rng(1))
    for place in range(3):
        shares = np.bincount(drawn[:, place], minlength=11) / 16000
        np.testing.assert_allclose(shares, [0] * 3 + [1 / 8] * 8, atol=0.01)


def test_a_pool_weighs_items_by_how_often_it_holds_them():
    negatives = NegativeItems(SEQUENCES, pool=np.array([0, 4, 8, 8, 8]))
    drawn = negatives.draw(*np.zeros((2, 16000), int), 1, np.random.default_rng(1))
    shares = np.bincount(drawn[:, 0], minlength=11) / 16000
    np.testing.assert_allclose(shares[[4, 8]], [0.25, 0.75], atol=0.01)


def test_asking_for_more_items_than_there_are_is_an_error():
    negatives = NegativeItems(SEQUENCES)
    negatives.check_count(7, np.array([2]), "test_negatives")
    assert negatives.draw(*np.array([[2], [0]]), 7, np.random.default_rng(1)).shape == (1, 7)
    with pytest.raises(SourceError, match="`test_negatives` must be at most 7.*test_negatives=8"):
        negatives.check_count(8, np.array([0, 2]), "test_negatives")
    pooled = NegativeItems(SEQUENCES, pool=np.array([0, 4, 8, 8, 8]))
    with pytest.raises(SourceError, match="at most 2"):
        pooled.check_count(3, np.array([0, 2]), "train_negatives")
