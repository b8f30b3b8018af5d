import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, roc_auc_score

from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_metrics import SESSION_METRICS, session_metrics
from tests.helpers.metric_oracles import loop_auc, loop_auc_at_k
from tests.helpers.metric_sessions import pairs_of, random_sessions, split_sessions


@pytest.fixture(scope="module")
def sessions():
    return random_sessions(101, seed=5)


@pytest.fixture(scope="module")
def metrics(sessions):
    return session_metrics(RankedSessions(*sessions))


def test_they_come_by_their_names(metrics):
    assert tuple(metrics) == SESSION_METRICS
    assert {values.shape for values in metrics.values()} == {(101,)}


def test_auc_agrees_with_scikit_learn(sessions, metrics):
    expected = []
    for scores, labels in split_sessions(*sessions):
        has_both = 0 < labels.sum() < len(labels)
        expected.append(roc_auc_score(labels, scores) if has_both else math.nan)
    np.testing.assert_allclose(metrics["session_auc"], expected, rtol=1e-12)
    assert 0 < np.isnan(expected).sum() < len(expected)


@pytest.mark.parametrize(("name", "k"), [("ndcg", None), ("ndcg_at_10", 10)])
def test_ndcg_agrees_with_scikit_learn_on_ties_too(sessions, metrics, name, k):
    expected = []
    for scores, labels in split_sessions(*sessions):
        if len(labels) < 2:  # scikit-learn takes no single candidate
            expected.append(1.0 if labels.any() else math.nan)
        else:
            expected.append(ndcg_score([labels], [scores], k=k) if labels.any() else math.nan)
    np.testing.assert_allclose(metrics[name], expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "undefined"), [("auc_at_10", "zero"), ("auc_at_10_skip", "skip")])
def test_auc_of_the_ten_best_agrees_with_loops(sessions, metrics, name, undefined):
    pairs = [pairs_of(*session) for session in split_sessions(*sessions)]
    expected = [loop_auc_at_k(session, 10, undefined) for session in pairs]
    np.testing.assert_allclose(metrics[name], expected, rtol=1e-12)
    aucs = np.array([loop_auc(session) for session in pairs])
    assert (np.nan_to_num(aucs) != np.nan_to_num(metrics[name])).any()
