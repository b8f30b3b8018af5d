import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_ndcg import session_ndcg
from tests.helpers.metric_oracles import PROPERTY, SESSIONS, flat, loop_ndcg

GRADED = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=5), max_size=5)


@PROPERTY
@given(SESSIONS, st.sampled_from([None, 1, 2, 3, 5, 7]))
def test_ties_count_their_mean_over_all_orders(sessions, k):
    ndcg = session_ndcg(RankedSessions(*flat(sessions)), k)
    np.testing.assert_allclose(ndcg, [loop_ndcg(session, k) for session in sessions], rtol=1e-12)


@PROPERTY
@given(GRADED, st.sampled_from([None, 2]))
def test_graded_labels_gain_two_to_their_power(sessions, k):
    ndcg = session_ndcg(RankedSessions(*flat(sessions)), k)
    np.testing.assert_allclose(ndcg, [loop_ndcg(session, k) for session in sessions], rtol=1e-12)


@PROPERTY
@given(SESSIONS, st.randoms(use_true_random=False))
def test_order_of_the_log_never_matters(sessions, chance):
    shuffled = [chance.sample(session, len(session)) for session in sessions]
    np.testing.assert_allclose(
        session_ndcg(RankedSessions(*flat(sessions)), 2),
        session_ndcg(RankedSessions(*flat(shuffled)), 2),
        rtol=1e-15,
    )


@PROPERTY
@given(SESSIONS)
def test_ranking_by_label_is_perfect(sessions):
    _, labels, lengths = flat(sessions)
    for k in (None, 2):
        ndcg = session_ndcg(RankedSessions(labels, labels, lengths), k)
        np.testing.assert_allclose(ndcg[~np.isnan(ndcg)], 1.0, rtol=1e-15)


def test_only_sessions_without_a_positive_have_none():
    ndcg = session_ndcg(RankedSessions([1, 2, 3, 4], [0, 0, 1, 1], [2, 2, 0]))
    np.testing.assert_array_equal(ndcg, [np.nan, 1.0, np.nan])


def test_a_positive_below_the_cut_gains_nothing():
    ranked = RankedSessions([3, 2, 1], [0, 0, 1], [3])
    assert session_ndcg(ranked, 2)[0] == 0.0
    assert session_ndcg(ranked)[0] == pytest.approx(0.5)


def test_no_session_gives_no_ndcg():
    assert session_ndcg(RankedSessions([], [], []), 10).shape == (0,)


def test_a_cut_above_the_first_rank_is_named():
    with pytest.raises(ValueError, match="`k` must be at least 1, .* Received: k=0"):
        session_ndcg(RankedSessions([1], [1], [1]), 0)
