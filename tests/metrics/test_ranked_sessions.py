import numpy as np
import pytest
from hypothesis import given

from ranking.metrics.ranked_sessions import RankedSessions
from tests.helpers.metric_oracles import PROPERTY, SESSIONS, flat


@PROPERTY
@given(SESSIONS)
def test_order_is_by_falling_score_within_each_session(sessions):
    scores, labels, lengths = flat(sessions)
    ranked = RankedSessions(scores, labels, lengths)
    start = 0
    for length in lengths:
        own = list(range(start, start + length))
        expected = sorted(own, key=lambda position: -scores[position])
        assert ranked.order[start : start + length].tolist() == expected
        start += length


@PROPERTY
@given(SESSIONS)
def test_groups_are_the_different_scores_of_a_session(sessions):
    ranked = RankedSessions(*flat(sessions))
    expected = []
    for number, session in enumerate(sessions):
        rank = 0
        for score in sorted({score for score, _ in session}, reverse=True):
            labels = [label for other, label in session if other == score]
            expected.append((number, rank, len(labels), sum(labels)))
            rank += len(labels)
    groups = (
        ranked.group_sessions,
        ranked.group_ranks,
        ranked.group_sizes,
        ranked.group_positives,
    )
    assert list(zip(*(group.tolist() for group in groups), strict=True)) == expected


def test_float32_scores_that_differ_in_the_last_bit_do_not_tie():
    score = np.float32(0.1)
    scores = np.array([score, np.nextafter(score, np.float32(1))])
    assert RankedSessions(scores, [0, 1], [2]).order.tolist() == [1, 0]


def test_zero_and_minus_zero_tie():
    assert RankedSessions([0.0, -0.0], [0, 1], [2]).group_sizes.tolist() == [2]


def test_infinite_scores_are_ranked():
    ranked = RankedSessions([-np.inf, 1.0, np.inf, -np.inf], [0, 1, 0, 1], [4])
    assert ranked.order.tolist() == [2, 1, 0, 3]
    assert ranked.group_sizes.tolist() == [1, 1, 2]


def test_no_session_is_no_error():
    ranked = RankedSessions([], [], [])
    assert ranked.order.shape == ranked.positives.shape == ranked.group_ranks.shape == (0,)


def test_sessions_without_candidates_keep_their_place():
    ranked = RankedSessions([1.0, 2.0], [1, 0], [0, 2, 0])
    assert ranked.positives.tolist() == [0, 1, 0]
    assert ranked.negatives.tolist() == [0, 1, 0]


def test_padding_content_never_matters():
    scores = np.array([[0.3, 0.7, np.nan], [0.2, np.inf, 7.0], [np.nan, 1.0, 2.0]])
    labels = np.array([[1.0, 0.0, np.nan], [0.0, 1.0, -3.0], [7.0, 7.0, 7.0]])
    padded = RankedSessions.from_padded(scores, labels, [2, 1, 0])
    plain = RankedSessions([0.3, 0.7, 0.2], [1, 0, 0], [2, 1, 0])
    assert padded.order.tolist() == plain.order.tolist()
    assert padded.labels.tolist() == plain.labels.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [1.0], [2]), r"shape \(2,\), the sum of `lengths`"),
        (([1.0, 2.0], [1.0], [2]), r"labels.shape=\(1,\)"),
        (([1.0, np.nan], [1.0, 0.0], [2]), "1 NaN, the first at position 1"),
        (([1.0], [-1.0], [1]), "the first is -1.0 at 0"),
        (([1.0], [np.nan], [1]), "`labels` must be 0 or positive"),
        (([1.0], [np.inf], [1]), "`labels` must be 0 or positive"),
        (([1.0], [1.0], [2, -1]), "none negative"),
        (([1.0], [1.0], [0.5]), "whole numbers"),
        (([1.0], [1.0], 1), "must be a list"),
    ],
)
def test_wrong_input_is_one_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        RankedSessions(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 3)), np.ones((2, 5)), [3, 3]), r"labels.shape=\(2, 5\)"),
        ((np.ones((2, 3)), np.ones((2, 3)), [3]), r"lengths.shape=\(1,\)"),
        ((np.ones((2, 3)), np.ones((2, 3)), [3, 5]), "largest length 5"),
    ],
)
def test_wrong_padded_input_is_one_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        RankedSessions.from_padded(*arguments)
