import numpy as np
import pytest

from ranking.layers.behavior_weights import behavior_weights, check_weight_options, weighted_sum
from tests.helpers import oracles

B, C, T, D = 3, 5, 7, 11
OPTIONS = pytest.mark.parametrize(
    ("normalization", "scale"), [("none", "none"), ("softmax", "none"), ("none", "sqrt_length")]
)


def make_mask():
    mask = np.zeros((B, T), bool)
    mask[1, [0, 2, 3]] = True
    mask[2] = True
    return mask


@OPTIONS
def test_value_equals_the_loop(normalization, scale):
    scores = np.random.default_rng(1).normal(size=(B, C, T)).astype("float32")
    found = behavior_weights(scores, make_mask(), normalization, scale)
    for b in range(B):
        for c in range(C):
            row = scores[b, c], make_mask()[b]
            expected = oracles.behavior_weights(*row, normalization, scale)
            np.testing.assert_allclose(found[b, c], expected, atol=1e-6)
    alone = behavior_weights(scores[:, 0], make_mask(), normalization, scale)
    np.testing.assert_allclose(alone, found[:, 0], atol=1e-6)


def test_softmax_of_large_scores_is_finite_and_sums_to_one():
    scores = np.array([[-3e4, -2e4, 5e4]] * 2, "float32")
    mask = np.array([[True, True, False], [False, False, False]])
    for dtype in ("float32", "float16"):
        with np.errstate(over="ignore"):
            cast = np.clip(scores, -6e4, 6e4).astype(dtype)
        found = np.asarray(behavior_weights(cast, mask, "softmax", "none"))
        np.testing.assert_allclose(found.sum(-1), [1.0, 0.0])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_square_root_of_a_long_history_is_exact_enough(dtype):
    weights = behavior_weights(
        np.ones((1, 2003), dtype), np.ones((1, 2003), bool), "none", "sqrt_length"
    )
    np.testing.assert_allclose(weights, 2003**-0.5, rtol=1e-3)


@pytest.mark.parametrize("with_candidates", [True, False])
def test_weighted_sum_equals_the_loop(with_candidates):
    generator = np.random.default_rng(1)
    weights = generator.normal(size=(B, C, T) if with_candidates else (B, T)).astype("float32")
    behaviors = generator.normal(size=(B, T, D)).astype("float32")
    found = weighted_sum(weights, behaviors)
    for b in range(B):
        for index in np.ndindex(weights.shape[1:-1]):
            expected = sum(weights[b][index][t] * behaviors[b, t] for t in range(T))
            np.testing.assert_allclose(found[b][index], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("normalization", "scale", "message"),
    [
        ("sum", "none", r"`attention_normalization` must be one of .*'sum'"),
        ("none", "length", r"`attention_scale` must be one of .*'length'"),
        ("softmax", "sqrt_length", r"`attention_scale` must be 'none' with"),
    ],
)
def test_bad_options_are_refused_by_name(normalization, scale, message):
    with pytest.raises(ValueError, match=message):
        check_weight_options("attention_", normalization, scale)
