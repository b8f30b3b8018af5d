import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.adversarial import adversarial
from tests.helpers import gate_oracles
from tests.helpers.numeric_gradient import numeric_gradient

N, K = 7, 5
CHANCE = np.random.default_rng(1)
SCORES = CHANCE.normal(size=(N, K)).astype("float32")
PART = CHANCE.integers(0, 3, (N, K))  # 0: chosen, 1: disagreeing, 2: neither
CHOSEN, DISAGREEING = PART == 0, PART == 1
MASK = np.arange(N) % 3 > 0


def value(scores, chosen=CHOSEN, disagreeing=DISAGREEING, mask=MASK):
    total, count = adversarial(scores, chosen, disagreeing, mask)
    return float(total), float(count)


def gradient(scores):
    with tf.GradientTape() as tape:
        scores = tf.constant(scores)
        tape.watch(scores)
        total, _ = adversarial(scores, CHOSEN, DISAGREEING, MASK)
    return tape.gradient(total, scores).numpy()


def test_value_and_gradient_equal_the_loop():
    def oracle(scores):
        return gate_oracles.adversarial(scores, CHOSEN, DISAGREEING, MASK)

    np.testing.assert_allclose(value(SCORES), oracle(SCORES), rtol=1e-5)
    expected = numeric_gradient(lambda scores: oracle(scores)[0], SCORES.astype("float64"))
    np.testing.assert_allclose(gradient(SCORES), expected, atol=1e-4)


def test_a_step_down_takes_chosen_and_disagreeing_further_apart():
    before, _ = value(SCORES)
    after, _ = value(SCORES - 0.01 * gradient(SCORES))
    assert after < before < 0


def test_experts_in_neither_part_get_no_gradient():
    np.testing.assert_array_equal(gradient(SCORES)[PART == 2], 0)


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_padding_content_never_matters(filler):
    filled = np.where(MASK[:, None], SCORES, np.float32(filler))
    assert value(filled) == value(SCORES)
    np.testing.assert_array_equal(gradient(filled), gradient(SCORES))


def test_near_scores_far_from_zero_keep_their_distance():
    scores = np.array([[1000.0, 1000.125]], "float32")
    found = value(scores, np.array([[True, False]]), np.array([[False, True]]), np.array([True]))
    assert found == (-(0.125**2), 1)


def test_a_choice_per_session_is_that_of_all_its_candidates():
    scores = CHANCE.normal(size=(N, 3, K)).astype("float32")
    mask = CHANCE.random((N, 3)) < 0.7
    copies = [np.repeat(part[:, None], 3, axis=1) for part in (CHOSEN, DISAGREEING)]
    found = value(scores, CHOSEN[:, None], DISAGREEING[:, None], mask)
    np.testing.assert_allclose(found, value(scores, *copies, mask), rtol=1e-6)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`adversarial` takes.*mask\.shape=\(7, 5\)"):
        adversarial(SCORES, CHOSEN, DISAGREEING, CHOSEN)
