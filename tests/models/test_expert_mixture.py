import keras
import numpy as np
import tensorflow as tf

from ranking.models.expert_mixture import mixed_logits

CHANCE = np.random.default_rng(5)
SCORES = CHANCE.normal(size=(2, 5, 3)).astype("float32")
GATES = np.array([[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]], "float32")


def test_a_gate_per_session_is_the_same_gate_for_every_candidate():
    copies = np.repeat(GATES[:, None, :], 5, axis=1)
    for sigmoid in ("sum", "expert"):
        np.testing.assert_array_equal(
            mixed_logits(GATES, SCORES, sigmoid), mixed_logits(copies, SCORES, sigmoid)
        )


def test_the_sigmoid_after_the_sum_follows_equation_9():
    logits = np.asarray(mixed_logits(GATES, SCORES, "sum"))
    for b in range(2):
        for c in range(5):
            expected = sum(GATES[b, k] * SCORES[b, c, k] for k in range(3))
            np.testing.assert_allclose(logits[b, c], expected, rtol=1e-5)


def test_the_sigmoid_in_each_expert_mixes_probabilities():
    probabilities = np.asarray(keras.ops.sigmoid(mixed_logits(GATES, SCORES, "expert")))
    for b in range(2):
        for c in range(5):
            expected = sum(GATES[b, k] / (1 + np.exp(-SCORES[b, c, k])) for k in range(3))
            np.testing.assert_allclose(probabilities[b, c], expected, rtol=1e-5)


def test_mixed_probabilities_stay_apart_far_from_one_half():
    scores = np.array([[[50.0, 60.0], [-60.0, -50.0], [200.0, -200.0]]], "float32")
    logits = np.asarray(mixed_logits(np.array([[0.5, 0.5]], "float32"), scores, "expert"))[0]
    assert 50 < logits[0] < 60 and -60 < logits[1] < -50
    np.testing.assert_allclose(logits[2], 0, atol=1e-5)


def test_a_gate_of_zero_leaves_gradients_finite():
    gate, scores = tf.constant([[0.0, 1.0]]), tf.constant([[[3.0, -3.0]]])
    with tf.GradientTape() as tape:
        tape.watch([gate, scores])
        logits = mixed_logits(gate, scores, "expert")
    np.testing.assert_allclose(logits, [[-3.0]], rtol=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(logits, [gate, scores]))
