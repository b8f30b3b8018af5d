import math
import tracemalloc

import numpy as np
import pytest

from ranking.metrics.calibration import expected_calibration_error, pcoc
from ranking.metrics.log_loss import log_loss
from ranking.metrics.metric_stream import MetricStream
from ranking.metrics.pooled_auc import pooled_auc
from ranking.metrics.session_metrics import SESSION_METRICS
from tests.helpers.metric_oracles import loop_auc, loop_auc_at_k, loop_ndcg
from tests.helpers.metric_sessions import pairs_of, random_sessions, split_sessions

CITIES = np.random.default_rng(2).choice([2, 3, 11], 101)
AGES = np.random.default_rng(3).integers(0, 2, 101)
LOSSES = ("log_loss", "pcoc", "ece")


@pytest.fixture(scope="module")
def sessions():
    return random_sessions(101, seed=7)


def _streamed(sessions, *, pieces=1, **settings):
    stream = MetricStream(**settings)
    scores, labels, lengths = sessions
    ends = np.append(0, np.cumsum(lengths))
    for part in np.array_split(np.arange(len(lengths)), pieces):
        cut = slice(ends[part[0]], ends[part[-1] + 1])
        groups = {"city": CITIES[part], "age": AGES[part]}
        stream.update(scores[cut], labels[cut], lengths[part], groups)
    return stream


def _mean(values):
    values = [value for value in values if not math.isnan(value)]
    return sum(values) / len(values)


def _expected(sessions, chosen):
    """The metrics of the chosen sessions by loops; NDCG of those that are short enough for it."""
    kept = [
        session for session, take in zip(split_sessions(*sessions), chosen, strict=True) if take
    ]
    scores, labels = (np.concatenate(part) for part in zip(*kept, strict=True))
    pairs = [pairs_of(*session) for session in kept]
    aucs = [loop_auc(session) for session in pairs]
    weights = [labels.sum() * (len(labels) - labels.sum()) for _, labels in kept]
    return {
        "session_auc": _mean(aucs),
        "session_auc_micro": np.nansum(np.multiply(aucs, weights)) / sum(weights),
        "auc_at_10": _mean(loop_auc_at_k(session, 10, "zero") for session in pairs),
        "auc_at_10_skip": _mean(loop_auc_at_k(session, 10, "skip") for session in pairs),
        "auc": pooled_auc(scores, labels),
        "log_loss": log_loss(scores, labels),
        "pcoc": pcoc(scores, labels),
        "ece": expected_calibration_error(scores, labels),
        "sessions": len(kept),
        "sessions_with_auc": sum(0 < labels.sum() < len(labels) for _, labels in kept),
        "sessions_with_positive": sum(bool(labels.any()) for _, labels in kept),
        "candidates": len(scores),
        "positives": labels.sum(),
    }


@pytest.mark.parametrize("pieces", [1, 7, 101])
def test_groups_agree_with_loops_over_their_sessions(sessions, pieces):
    stream = _streamed(sessions, pieces=pieces)
    found = stream.by_group()
    assert {name: set(groups) for name, groups in found.items()} == {
        "city": {2, 3, 11},
        "age": {0, 1},
    }
    groups = [(stream.everything(), np.full(101, True))]
    groups += [(found["city"][code], CITIES == code) for code in (2, 3, 11)]
    groups += [(found["age"][code], AGES == code) for code in (0, 1)]
    for metrics, chosen in groups:
        expected = _expected(sessions, chosen)
        assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-9)
        assert set(metrics) == {*expected, "ndcg", "ndcg_at_10"}
        assert all(isinstance(metrics[name], int) for name in ("sessions", "positives"))


def test_ndcg_agrees_with_loops():
    scores, labels, lengths = random_sessions(43, seed=1)
    short = np.flatnonzero(lengths <= 5)
    kept = [session for session in split_sessions(scores, labels, lengths) if len(session[0]) <= 5]
    expected = [loop_ndcg(pairs_of(*session)) for session in kept]
    stream = MetricStream()
    per_session = stream.update(scores, labels, lengths, {"short": (lengths <= 5).astype(int)})
    np.testing.assert_allclose(per_session["ndcg"][short], expected, rtol=1e-12)
    assert stream.by_group()["short"][1]["ndcg"] == pytest.approx(_mean(expected), rel=1e-12)


def test_metrics_of_single_sessions_come_back(sessions):
    per_session = MetricStream().update(*sessions)
    assert tuple(per_session) == SESSION_METRICS
    expected = [loop_auc(pairs_of(*session)) for session in split_sessions(*sessions)]
    np.testing.assert_allclose(per_session["session_auc"], expected, rtol=1e-12)


def test_micro_auc_weighs_sessions_by_their_pairs():
    stream = MetricStream(are_probabilities=False)
    stream.update([3, 2, 1, 1, 2], [1, 0, 0, 1, 0], [3, 2])
    metrics = stream.everything()
    assert metrics["session_auc"] == 0.5
    assert metrics["session_auc_micro"] == pytest.approx(2 / 3)


def test_scores_that_are_no_probabilities_have_no_loss(sessions):
    scores, labels, lengths = sessions
    stream = _streamed((100 * scores - 50, labels, lengths), are_probabilities=False)
    expected = _streamed(sessions).by_group()["city"][3]
    metrics = stream.by_group()["city"][3]
    assert all(math.isnan(metrics.pop(name)) for name in LOSSES)
    assert metrics == {name: value for name, value in expected.items() if name not in LOSSES}


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]. Received: 0.5 to 1.5"):
        MetricStream().update([0.5, 1.5], [0, 1], [2])


def test_without_sessions_there_are_no_numbers():
    stream = MetricStream()
    assert stream.update([], [], [])["ndcg"].shape == (0,)
    metrics = stream.everything()
    assert metrics["sessions"] == metrics["candidates"] == 0
    assert all(math.isnan(metrics[name]) for name in (*SESSION_METRICS, *LOSSES, "auc"))
    assert stream.by_group() == {} and stream.auc_error == 0.0


def test_sessions_without_candidates_count_as_sessions():
    stream = MetricStream()
    stream.update([0.5], [1], [0, 1, 0], {"city": [5, 5, 7]})
    assert stream.by_group()["city"][7]["sessions"] == 1
    assert stream.everything()["sessions"] == 3
    assert stream.everything()["pcoc"] == 0.5


def test_large_groups_tell_how_wrong_their_auc_can_be(sessions):
    exact, counted = _streamed(sessions), _streamed(sessions, exact_candidates=0)
    assert exact.auc_error == 0.0 < counted.auc_error < 0.1
    difference = abs(exact.everything()["auc"] - counted.everything()["auc"])
    assert difference <= counted.auc_error


def test_memory_does_not_grow_with_the_sessions(sessions):
    stream = MetricStream(exact_candidates=503)
    groups = {"city": CITIES, "age": AGES}

    def used_after(updates):
        for _ in range(updates):
            stream.update(*sessions, groups)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = used_after(3)
        assert used_after(53) < first + 6 * 503 * 8
    finally:
        tracemalloc.stop()
