import numpy as np
import pytest

from ranking.metrics.pooled_auc import pooled_auc
from ranking.metrics.redrawn_auc import redrawn_auc

USERS, CANDIDATES = 23, 311


def _weighted(scores, labels, weights):
    """AUC over weighted pairs, one pair after the other."""
    won = total = 0.0
    for i in np.flatnonzero(labels > 0):
        for j in np.flatnonzero(labels <= 0):
            pair = weights[i] * weights[j]
            total += pair
            won += pair * (1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    return won / total if total else np.nan


def _made_up(seed, levels=29):
    """Candidates whose scores often tie."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(CANDIDATES) < 0.2).astype(np.float32)
    scores = rng.integers(0, levels, CANDIDATES) / levels + 0.2 * labels
    return scores.astype(np.float32), labels, rng.integers(0, USERS, CANDIDATES)


def _drawn_users(draws, seed):
    """Users of each draw, as the function draws them when they are few."""
    return np.random.default_rng(seed).integers(USERS, size=(USERS, draws))


@pytest.mark.parametrize("levels", [2, 29, 100_000])
def test_every_draw_is_that_of_a_loop_over_weighted_pairs(levels):
    scores, labels, codes = _made_up(3, levels)
    found = redrawn_auc(scores, labels, codes, draws=7, seed=5)
    assert found.value == pytest.approx(pooled_auc(scores, labels), abs=1e-12)
    for draw, chosen in enumerate(_drawn_users(7, 5).T):
        weights = np.bincount(chosen, minlength=USERS)[codes]
        expected = _weighted(scores, labels, weights)
        assert found.draws[draw] == pytest.approx(expected, abs=1e-12)


def test_a_draw_is_the_auc_of_repeated_candidates():
    scores, labels, codes = _made_up(11)
    found = redrawn_auc(scores, labels, codes, draws=3, seed=2)
    for draw, chosen in enumerate(_drawn_users(3, 2).T):
        rows = np.concatenate([np.flatnonzero(codes == user) for user in chosen])
        assert found.draws[draw] == pytest.approx(pooled_auc(scores[rows], labels[rows]))


def test_models_share_their_draws_and_seeds_change_them():
    scores, labels, codes = _made_up(7)
    one = redrawn_auc(scores, labels, codes, draws=50, seed=1)
    shifted = redrawn_auc(2.0 * scores + 3.0, labels, codes, draws=50, seed=1)
    np.testing.assert_array_equal(one.draws, shifted.draws)
    other = redrawn_auc(scores, labels, codes, draws=50, seed=2)
    assert (one.draws != other.draws).any() and one.value == other.value


def test_draws_spread_as_users_do():
    rng = np.random.default_rng(13)
    values = [
        redrawn_auc(*_sample(rng), draws=1).value  # another sample of users each time
        for _ in range(400)
    ]
    spread = [redrawn_auc(*_sample(rng), draws=400).draws.std() for _ in range(10)]
    assert np.mean(spread) == pytest.approx(np.std(values), rel=0.15)


def _sample(rng, users=60):
    """Users with some candidates each, who differ in how well they are ranked."""
    codes = np.repeat(np.arange(users), 6)
    labels = (rng.random(len(codes)) < 0.3).astype(float)
    skill = rng.normal(1.0, 1.0, users)[codes]
    return rng.normal(size=len(codes)) + skill * labels, labels, codes


def test_parts_of_the_draws_are_no_different(monkeypatch):
    scores, labels, codes = _made_up(17)
    monkeypatch.setattr("ranking.metrics.redrawn_auc._WEIGHTS_AT_ONCE", 3 * USERS)
    found = redrawn_auc(scores, labels, codes, draws=11, seed=4).draws
    assert found.shape == (11,) and np.isfinite(found).all() and len(np.unique(found)) > 5


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_alone_has_no_auc(label):
    found = redrawn_auc([0.5, 0.7], [label, label], np.array([0, 1]), draws=3)
    assert np.isnan(found.value) and np.isnan(found.draws).all()


def test_a_draw_without_a_positive_is_nan():
    found = redrawn_auc([0.5, 0.7, 0.1], [1, 0, 0], np.array([0, 1, 1]), draws=200)
    assert found.value == 0.5 and 0 < np.isnan(found.draws).sum() < 200


@pytest.mark.parametrize(
    ("scores", "codes", "draws", "message"),
    [
        ([0.5], [0, 1], 2, r"Received: \(1,\), \(2,\) and \(2,\)"),
        ([], [], 2, "at least one"),
        ([0.5, np.nan], [0, 1], 2, "must be numbers"),
        ([0.5, 0.7], [0, 1], 0, "`draws` must be at least 1"),
    ],
)
def test_mistakes_are_told(scores, codes, draws, message):
    labels = [1, 0][: max(len(codes), len(scores))]
    with pytest.raises(ValueError, match=message):
        redrawn_auc(scores, labels, np.array(codes, dtype=np.int64), draws=draws)
