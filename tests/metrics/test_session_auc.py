import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_auc import micro_session_auc, session_auc, session_auc_at_k
from tests.helpers.metric_oracles import PROPERTY, SESSIONS, flat, loop_auc, loop_auc_at_k

READINGS = ("zero", "skip", "half")


@PROPERTY
@given(SESSIONS, st.sampled_from([("half", 0.5), ("zero", 0.0)]))
def test_auc_is_the_share_of_ordered_pairs(sessions, ties):
    auc = session_auc(RankedSessions(*flat(sessions)), ties=ties[0])
    expected = [loop_auc(session, ties[1]) for session in sessions]
    np.testing.assert_allclose(auc, expected, rtol=1e-15)


@PROPERTY
@given(SESSIONS, st.integers(1, 7), st.sampled_from(READINGS))
def test_auc_at_k_is_the_loop_over_the_top(sessions, k, reading):
    auc = session_auc_at_k(RankedSessions(*flat(sessions)), k, undefined=reading)
    expected = [loop_auc_at_k(session, k, reading) for session in sessions]
    np.testing.assert_allclose(auc, expected, rtol=1e-14)


@PROPERTY
@given(SESSIONS, st.sampled_from([np.exp, np.arctan, lambda scores: 3.0 * scores - 7.0]))
def test_monotone_transforms_of_scores_change_nothing(sessions, transform):
    scores, labels, lengths = flat(sessions)
    plain = RankedSessions(scores, labels, lengths)
    transformed = RankedSessions(transform(np.array(scores)), labels, lengths)
    np.testing.assert_array_equal(session_auc(plain), session_auc(transformed))
    np.testing.assert_array_equal(session_auc_at_k(plain, 2), session_auc_at_k(transformed, 2))


@PROPERTY
@given(SESSIONS, st.randoms(use_true_random=False))
def test_order_of_the_log_never_matters(sessions, chance):
    shuffled = [chance.sample(session, len(session)) for session in sessions]
    plain, other = RankedSessions(*flat(sessions)), RankedSessions(*flat(shuffled))
    np.testing.assert_array_equal(session_auc(plain), session_auc(other))
    for reading in READINGS:
        np.testing.assert_array_equal(
            session_auc_at_k(plain, 3, undefined=reading),
            session_auc_at_k(other, 3, undefined=reading),
        )


@PROPERTY
@given(SESSIONS)
def test_opposite_scores_give_the_opposite_auc(sessions):
    scores, labels, lengths = flat(sessions)
    auc = session_auc(RankedSessions(scores, labels, lengths))
    opposite = session_auc(RankedSessions(np.negative(scores), labels, lengths))
    np.testing.assert_allclose(auc + opposite, np.where(np.isnan(auc), np.nan, 1.0))


@PROPERTY
@given(SESSIONS, st.sampled_from(READINGS))
def test_a_top_that_holds_everything_is_the_session(sessions, reading):
    ranked = RankedSessions(*flat(sessions))
    np.testing.assert_allclose(
        session_auc_at_k(ranked, 6, undefined=reading), session_auc(ranked), rtol=1e-15
    )


@PROPERTY
@given(SESSIONS)
def test_micro_average_counts_every_pair_once(sessions):
    pairs = won = 0.0
    for session in sessions:
        positives = sum(label for _, label in session)
        count = positives * (len(session) - positives)
        pairs += count
        won += loop_auc(session) * count if count else 0.0
    micro = micro_session_auc(RankedSessions(*flat(sessions)))
    assert micro == pytest.approx(won / pairs if pairs else math.nan, nan_ok=True)


def test_sessions_of_one_class_have_no_auc():
    ranked = RankedSessions([1, 2, 3, 4], [1, 1, 0, 0], [2, 2])
    assert np.isnan(session_auc(ranked)).all()
    for reading in READINGS:
        assert np.isnan(session_auc_at_k(ranked, 1, undefined=reading)).all()
    assert math.isnan(micro_session_auc(ranked))


def test_no_session_gives_no_auc():
    ranked = RankedSessions([], [], [])
    assert session_auc(ranked).shape == session_auc_at_k(ranked, 10).shape == (0,)
    assert math.isnan(micro_session_auc(ranked))


def test_readings_differ_where_the_positive_is_below_the_top():
    ranked = RankedSessions([5, 4, 3, 2, 1], [0, 0, 0, 0, 1], [5])
    values = [session_auc_at_k(ranked, 3, undefined=reading)[0] for reading in READINGS]
    np.testing.assert_array_equal(values, [0.0, np.nan, 0.5])


def test_ties_at_the_cut_go_against_the_model():
    ranked = RankedSessions(np.ones(11), [1] + [0] * 10, [11])
    assert session_auc_at_k(ranked, 10)[0] == 0.0
    assert np.isnan(session_auc_at_k(ranked, 10, undefined="skip")[0])


def test_a_top_of_positives_alone_has_won():
    ranked = RankedSessions([5, 4, 3, 2], [1, 1, 1, 0], [4])
    assert session_auc_at_k(ranked, 2)[0] == pytest.approx(2 / 3)


def test_many_sessions_lose_no_precision():
    lengths = np.full(70_001, 11)
    scores = np.tile(np.arange(11), len(lengths))
    labels = np.tile(np.arange(11) == 7, len(lengths))
    assert set(session_auc(RankedSessions(scores, labels, lengths))) == {0.7}


def test_wrong_options_are_named():
    ranked = RankedSessions([1], [1], [1])
    with pytest.raises(ValueError, match="`ties` must be one of .* Received: 'third'"):
        session_auc(ranked, ties="third")
    with pytest.raises(ValueError, match="`k` must be at least 1. Received: k=0"):
        session_auc_at_k(ranked, 0)
    with pytest.raises(ValueError, match="`undefined` must be one of .* Received: 'drop'"):
        session_auc_at_k(ranked, 1, undefined="drop")
