import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.ranking_loss import ranking_loss
from tests.helpers import oracles
from tests.helpers.numeric_gradient import numeric_gradient

B, C = 3, 5
LENGTHS = np.array([0, 2, C], "int32")


def make_logits():
    return np.random.default_rng(1).normal(size=(B, C)).astype("float32")


def make_labels():
    return (np.random.default_rng(2).random((B, C)) < 0.5).astype("float32")


def total_and_gradient(logits, labels=None, lengths=LENGTHS):
    logits = tf.convert_to_tensor(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total, _ = ranking_loss(logits, make_labels() if labels is None else labels, lengths)
    return total.numpy(), tape.gradient(total, logits).numpy()


def test_value_equals_the_loop():
    total, count = ranking_loss(make_logits(), make_labels(), LENGTHS)
    expected = oracles.ranking_loss(make_logits(), make_labels(), LENGTHS)
    np.testing.assert_allclose((total, count), expected, rtol=1e-6)


def test_gradient_equals_the_difference():
    def oracle(logits):
        return oracles.ranking_loss(logits, make_labels(), LENGTHS)[0]

    _, gradient = total_and_gradient(make_logits())
    expected = numeric_gradient(oracle, make_logits().astype("float64"))
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("filler", [7.0, np.inf, -np.inf, np.nan])
def test_padding_content_never_matters(filler):
    padding = ~oracles.length_mask(LENGTHS, C)
    logits = np.where(padding, np.float32(filler), make_logits())
    labels = np.where(padding, np.float32(filler), make_labels())
    total, gradient = total_and_gradient(logits, labels)
    expected_total, expected_gradient = total_and_gradient(make_logits())
    assert total == expected_total
    np.testing.assert_array_equal(gradient, expected_gradient)
    np.testing.assert_array_equal(gradient[padding], 0.0)


def test_padding_length_never_matters():
    pad = ((0, 0), (0, 2))
    longer = ranking_loss(np.pad(make_logits(), pad), np.pad(make_labels(), pad), LENGTHS)
    expected = ranking_loss(make_logits(), make_labels(), LENGTHS)
    np.testing.assert_allclose(longer, expected, rtol=1e-6)


def test_parts_of_a_batch_add_up():
    whole = ranking_loss(make_logits(), make_labels(), LENGTHS)
    parts = [
        ranking_loss(make_logits()[rows], make_labels()[rows], LENGTHS[rows])
        for rows in (slice(0, 1), slice(1, B))
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-6)


def test_large_logits_are_exact():
    logits, labels = np.array([[-500.0, 500.0, -30.0]]), np.array([[1, 0, 0]])
    total, gradient = total_and_gradient(logits.astype("float32"), labels, np.array([3]))
    np.testing.assert_allclose(total, 1000.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-1.0, 1.0, np.exp(-30.0)]], rtol=1e-5)


def test_gradient_at_zero_is_half_a_step():
    _, gradient = total_and_gradient(np.zeros((1, 2), "float32"), np.array([[1, 0]]), np.array([2]))
    np.testing.assert_allclose(gradient, [[-0.5, 0.5]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_give_float32_sums(dtype):
    total, count = ranking_loss(tf.cast(make_logits(), dtype), make_labels(), LENGTHS)
    assert total.dtype == count.dtype == "float32"


@pytest.mark.parametrize("size", [0, C])
def test_nothing_valid_gives_zeros(size):
    total, count = ranking_loss(
        np.full((B, size), np.nan, "float32"), np.zeros((B, size)), np.zeros(B, "int32")
    )
    assert float(total) == float(count) == 0.0


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"of shape \(B, C\).*logits\.shape=\(3, 5, 1\)"):
        ranking_loss(make_logits()[..., None], make_labels(), LENGTHS)
