import math
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ranking.metrics.pooled_auc import pooled_auc
from ranking.metrics.streamed_auc import StreamedAuc
from tests.helpers.metric_sessions import random_sessions

# One row for everything, two for halves.
GROUPS = np.array([[0, 1 + number % 2] for number in range(97)])


def _streamed(sessions, rows, *, pieces=1, **settings):
    auc = StreamedAuc(**settings)
    scores, labels, lengths = sessions
    ends = np.append(0, np.cumsum(lengths))
    for part in np.array_split(np.arange(len(lengths)), pieces):
        if len(part):
            cut = slice(ends[part[0]], ends[part[-1] + 1])
            auc.update(scores[cut], labels[cut], lengths[part], rows[part])
    return auc.results()


def _realistic(count, chance):
    """Probabilities of a calibrated model with a session AUC of about three quarters."""
    logits = chance.normal(-2.5, 1.2, count)
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return probabilities, (chance.random(count) < probabilities).astype(np.float32)


@pytest.mark.parametrize("are_probabilities", [True, False])
@pytest.mark.parametrize("exact_candidates", [0, 211, 10**6])
def test_groups_agree_with_scikit_learn(exact_candidates, are_probabilities):
    sessions = random_sessions(97, seed=3)
    scores, labels, lengths = sessions
    found = _streamed(
        sessions,
        GROUPS,
        pieces=5,
        exact_candidates=exact_candidates,
        are_probabilities=are_probabilities,
    )
    of_candidates = np.repeat(GROUPS, lengths, axis=0)
    for row, (auc, bound) in enumerate(found):
        chosen = (of_candidates == row).any(axis=1)
        # The few levels of the scores have bins of their own, so that counting is exact too.
        assert auc == pytest.approx(roc_auc_score(labels[chosen], scores[chosen]), rel=1e-12)
        assert (bound > 0) == (exact_candidates < chosen.sum())


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_within_its_bound_and_small(seed):
    chance = np.random.default_rng(seed)
    scores, labels = _realistic(100_003, chance)
    rows = np.zeros((1, 1), dtype=np.int64)
    ((auc, bound),) = _streamed((scores, labels, np.array([len(scores)])), rows)
    error = abs(auc - pooled_auc(scores, labels))
    assert 0 < error <= bound < 1e-4
    assert error < 2e-6


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_are_no_probabilities_are_nearly_as_exact(seed):
    chance = np.random.default_rng(seed)
    counts = np.floor(chance.lognormal(5, 2, 100_003)).astype(np.float32)
    labels = (chance.random(len(counts)) < 0.02 * np.log1p(counts)).astype(np.float32)
    session = (counts, labels, np.array([len(counts)]))
    rows = np.zeros((1, 1), dtype=np.int64)
    ((auc, bound),) = _streamed(session, rows, are_probabilities=False)
    assert 0 < abs(auc - pooled_auc(counts, labels)) <= bound < 2e-3
    assert abs(auc - pooled_auc(counts, labels)) < 5e-5


def test_pairs_of_one_bin_can_be_wrong_by_the_whole_bound():
    scores = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], dtype=np.float32)
    rows = np.zeros((1, 1), dtype=np.int64)
    for labels, exact in (([0.0, 1.0], 1.0), ([1.0, 0.0], 0.0)):
        session = (scores, np.array(labels), np.array([2]))
        assert _streamed(session, rows) == [(exact, 0.0)]
        assert _streamed(session, rows, exact_candidates=1) == [(0.5, 0.5)]


def test_batching_never_matters():
    sessions = random_sessions(97, seed=11, levels=7919)
    expected = _streamed(sessions, GROUPS, exact_candidates=211)
    assert all(0 < bound < 1 for _, bound in expected)
    for pieces in (2, 97):
        # A group that grows by pieces has kept some scores, and counts them with the others.
        assert _streamed(sessions, GROUPS, pieces=pieces, exact_candidates=211) == expected


def test_groups_without_both_classes_have_none():
    auc = StreamedAuc()
    scores = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    auc.update(scores, np.array([1, 1, 0]), [2, 0, 1], np.array([[0], [1], [3]]))
    assert all(math.isnan(value) and bound == 0.0 for value, bound in auc.results())
    assert len(auc.results()) == 4
    assert StreamedAuc().results() == []


def test_infinite_scores_have_their_place():
    scores = np.array([-np.inf, 0.5, np.inf, -np.inf], dtype=np.float32)
    labels = np.array([0, 1, 1, 1], dtype=np.float32)
    rows = np.zeros((1, 1), dtype=np.int64)
    for exact_candidates in (0, 7):
        ((auc, _),) = _streamed(
            (scores, labels, np.array([4])),
            rows,
            are_probabilities=False,
            exact_candidates=exact_candidates,
        )
        assert auc == pytest.approx(5 / 6)


def test_results_can_be_asked_for_at_any_time():
    sessions = random_sessions(97, seed=7)
    scores, labels, lengths = sessions
    auc = StreamedAuc()
    for _ in range(2):
        auc.update(scores, labels, lengths, GROUPS)
        results = auc.results()
        assert results == auc.results()
    np.testing.assert_allclose(results, _streamed(sessions, GROUPS), rtol=1e-12)


def test_memory_does_not_grow_with_the_candidates():
    chance = np.random.default_rng(1)
    auc = StreamedAuc(exact_candidates=1009)

    def used_after(updates):
        for _ in range(updates):
            scores, labels = _realistic(1009, chance)
            auc.update(scores, labels, [1009], np.array([[0, 1]]))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = used_after(3)
        assert used_after(100) < first + 8 * 1009
    finally:
        tracemalloc.stop()
