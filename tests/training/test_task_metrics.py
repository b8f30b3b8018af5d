import math

import numpy as np
import pytest

from ranking.metrics.calibration import expected_calibration_error, pcoc
from ranking.metrics.log_loss import log_loss
from ranking.metrics.pooled_auc import pooled_auc
from ranking.training.task_metrics import TaskMetrics
from tests.helpers.metric_oracles import loop_auc, loop_auc_at_k, loop_ndcg


@pytest.fixture(scope="module")
def sessions():
    chance = np.random.default_rng(7)
    lengths = chance.choice([1, 2, 3, 5, 13], 101, p=[0.2, 0.2, 0.3, 0.2, 0.1])
    scores = chance.integers(1, 17, lengths.sum()).astype(np.float32) / 17
    labels = (chance.random(lengths.sum()) < scores).astype(np.float32)
    return scores, labels, lengths, chance.choice([2, 3, 11], 101)


def _select(sessions, group):
    scores, labels, lengths, codes = sessions
    starts = np.cumsum(lengths) - lengths
    return [
        list(zip(scores[a : a + n].tolist(), labels[a : a + n].tolist(), strict=True))
        for a, n, code in zip(starts, lengths, codes, strict=True)
        if code == group
    ]


def _mean(values):
    values = [value for value in values if not math.isnan(value)]
    return sum(values) / len(values)


@pytest.mark.parametrize("group", [2, 3, 11])
def test_groups_agree_with_loops_over_their_sessions(sessions, group):
    scores, labels, lengths, codes = sessions
    metrics = TaskMetrics(scores, labels, lengths).by_group(codes)[group]
    chosen = _select(sessions, group)
    scores, labels = zip(*(candidate for session in chosen for candidate in session), strict=True)
    classes = [{label for _, label in session} for session in chosen]
    expected = {
        "session_auc": _mean(loop_auc(session) for session in chosen),
        "auc_at_10": _mean(loop_auc_at_k(session, 10, "zero") for session in chosen),
        "auc_at_10_skip": _mean(loop_auc_at_k(session, 10, "skip") for session in chosen),
        "auc": pooled_auc(scores, labels),
        "log_loss": log_loss(scores, labels),
        "pcoc": pcoc(scores, labels),
        "ece": expected_calibration_error(scores, labels),
        "sessions": len(chosen),
        "sessions_with_auc": sum(len(both) == 2 for both in classes),
        "sessions_with_positive": sum(1.0 in some for some in classes),
        "candidates": len(scores),
        "positives": sum(labels),
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    short = [session for session in chosen if len(session) <= 5]
    lengths, codes = sessions[2], sessions[3]
    ndcg = TaskMetrics(*sessions[:3]).per_session["ndcg"][(codes == group) & (lengths <= 5)]
    np.testing.assert_allclose(ndcg, [loop_ndcg(session) for session in short], rtol=1e-12)


def test_micro_auc_weighs_sessions_by_their_pairs():
    scores = np.array([3, 2, 1, 1, 2], dtype=np.float32)
    labels = np.array([1, 0, 0, 1, 0], dtype=np.float32)
    ranking = TaskMetrics(scores, labels, np.array([3, 2]), are_probabilities=False)
    metrics = ranking.by_group(np.array([0, 0]))[0]
    assert metrics["session_auc"] == 0.5
    assert metrics["session_auc_micro"] == pytest.approx(2 / 3)


def test_many_groups_are_as_good_as_few(sessions):
    scores, labels, lengths, codes = sessions
    ranking = TaskMetrics(scores, labels, lengths)
    each = ranking.by_group(np.arange(len(lengths)))
    np.testing.assert_array_equal(
        [metrics["session_auc"] for metrics in each.values()], ranking.per_session["session_auc"]
    )


def test_scores_that_are_no_probabilities_have_no_loss():
    ranking = TaskMetrics(
        np.array([-7, 11], np.float32),
        np.array([1, 0], np.float32),
        np.array([2]),
        are_probabilities=False,
    )
    metrics = ranking.by_group(np.array([0]))[0]
    assert metrics["session_auc"] == 0.0
    assert all(math.isnan(metrics[name]) for name in ("log_loss", "pcoc", "ece"))
