import math

import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.conditional_logit import conditional_logit

# Every pair of these, far into where probabilities round to 0 and 1.
LOGITS = np.array([-80.0, -29.0, -3.0, -0.5, 0.0, 1e-3, 2.0, 17.0, 80.0], "float32")
FIRST, SECOND = (grid.ravel() for grid in np.meshgrid(LOGITS, LOGITS))


def value_and_gradients(first, second):
    first, second = tf.constant(first), tf.constant(second)
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        logits = conditional_logit(first, second)
        total = tf.reduce_sum(logits)
    return logits.numpy(), *(each.numpy() for each in tape.gradient(total, [first, second]))


def test_value_is_the_logit_of_the_product():
    found = np.asarray(conditional_logit(FIRST, SECOND))
    for logit, a, c in zip(found, FIRST.astype(float), SECOND.astype(float), strict=True):
        # 1 / p - 1, for p the product of 1 / (1 + exp(-a)) and 1 / (1 + exp(-c)).
        odds_against = math.exp(-a) + math.exp(-c) + math.exp(-a - c)
        np.testing.assert_allclose(logit, -math.log(odds_against), rtol=1e-6, atol=1e-6)


def test_losses_are_those_of_the_stable_form():
    """log p = log sigmoid(a) + log sigmoid(c), and log(1 - p) as models.md gives it."""
    found = np.asarray(conditional_logit(FIRST, SECOND), "float64")
    a, c = FIRST.astype(float), SECOND.astype(float)
    log_p = -np.logaddexp(0, -a) - np.logaddexp(0, -c)
    log_rest = np.logaddexp(np.logaddexp(-a, -c), -a - c) + log_p
    np.testing.assert_allclose(-np.logaddexp(0, -found), log_p, rtol=1e-5, atol=1e-30)
    # A sum of large terms of both signs, so the expected number is the less exact one near 0.
    np.testing.assert_allclose(-np.logaddexp(0, found), log_rest, rtol=1e-5, atol=1e-13)


def test_the_product_never_exceeds_either_probability():
    generator = np.random.default_rng(1)
    first, second = generator.uniform(-80, 80, (2, 10007)).astype("float32")
    for a, c in ((FIRST, SECOND), (first, second)):
        found = np.asarray(conditional_logit(a, c))
        assert np.all(found <= np.minimum(a, c))
        probability = np.asarray(tf.sigmoid(found))
        for each in (a, c):
            assert np.all(probability <= np.asarray(tf.sigmoid(each)))


def test_gradients_are_shares_of_what_is_missing():
    """The derivative by a is (1 - p_a) / (1 - p_a p_c), from 0 to 1, and finite everywhere."""
    logits, of_first, of_second = value_and_gradients(FIRST, SECOND)
    assert all(np.isfinite(each).all() for each in (logits, of_first, of_second))
    a, c = FIRST.astype(float), SECOND.astype(float)
    weights = np.exp(-a), np.exp(-c), np.exp(-a - c)
    total = sum(weights)
    np.testing.assert_allclose(of_first, (weights[0] + weights[2]) / total, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(of_second, (weights[1] + weights[2]) / total, rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_logits_are_computed_in_float32(dtype):
    found = conditional_logit(tf.constant([80.0], dtype), tf.constant([-80.0], dtype))
    assert found.dtype == "float32" and float(found[0]) == -80.0
