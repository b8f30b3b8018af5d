import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.load_balance import load_balance
from tests.helpers import gate_oracles
from tests.helpers.numeric_gradient import numeric_gradient

N, K = 11, 5
AMOUNTS = np.random.default_rng(1).dirichlet(np.full(K, 0.3), N).astype("float32")
MASK = np.arange(N) % 4 > 0


def loss(amounts, mask=MASK):
    total, count = load_balance(amounts, mask)
    return float(total), float(count)


def gradient(amounts, mask=MASK):
    with tf.GradientTape() as tape:
        amounts = tf.constant(amounts)
        tape.watch(amounts)
        total, _ = load_balance(amounts, mask)
    return tape.gradient(total, amounts).numpy()


def test_value_equals_the_loop():
    np.testing.assert_allclose(loss(AMOUNTS), gate_oracles.load_balance(AMOUNTS, MASK), rtol=1e-5)


def test_gradient_equals_the_difference():
    expected = numeric_gradient(
        lambda amounts: gate_oracles.load_balance(amounts, MASK)[0], AMOUNTS.astype("float64")
    )
    np.testing.assert_allclose(gradient(AMOUNTS), expected, atol=1e-4)


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_padding_content_never_matters(filler):
    filled = np.where(MASK[:, None], AMOUNTS, np.float32(filler))
    assert loss(filled) == loss(AMOUNTS)
    np.testing.assert_array_equal(gradient(filled), gradient(AMOUNTS))
    np.testing.assert_array_equal(gradient(filled)[~MASK], 0)


def test_even_use_costs_nothing_and_one_expert_for_all_costs_the_most():
    even = np.tile(np.eye(K, dtype="float32"), (3, 1))
    np.testing.assert_allclose(loss(even, np.ones(15, bool)), (0, 15), atol=1e-5)
    one = np.tile(np.eye(K, dtype="float32")[:1], (7, 1))
    np.testing.assert_allclose(loss(one, np.ones(7, bool)), (7 * (K - 1), 7), rtol=1e-5)


def test_size_of_batch_and_unit_of_amounts_do_not_matter():
    total, count = loss(AMOUNTS)
    for amounts, mask in ((1000 * AMOUNTS, MASK), (np.tile(AMOUNTS, (3, 1)), np.tile(MASK, 3))):
        others = loss(amounts, mask)
        np.testing.assert_allclose(others[0] / others[1], total / count, rtol=1e-5)


def test_parts_of_a_batch_bound_its_loss():
    everything = np.ones(N, bool)
    total, count = loss(AMOUNTS, everything)
    parts = [loss(AMOUNTS[part], everything[part]) for part in (slice(0, 4), slice(4, N))]
    totals, counts = np.sum(parts, axis=0)
    assert counts == count and total / count <= totals / counts


def test_rows_may_have_any_shape():
    shaped = loss(AMOUNTS[:10].reshape(2, 5, K), MASK[:10].reshape(2, 5))
    np.testing.assert_allclose(shaped, loss(AMOUNTS[:10], MASK[:10]), rtol=1e-6)


@pytest.mark.parametrize("rows", [0, N])
def test_no_rows_that_count_give_zeros(rows):
    nothing = np.zeros(rows, bool)
    assert loss(AMOUNTS[:rows], nothing) == (0, 0)
    np.testing.assert_array_equal(gradient(AMOUNTS[:rows], nothing), 0)


def test_half_precision_amounts_give_float32_sums():
    total, count = load_balance(tf.cast(AMOUNTS, "bfloat16"), MASK)
    assert total.dtype == count.dtype == "float32"


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`load_balance` takes.*mask\.shape=\(11, 5\)"):
        load_balance(AMOUNTS, AMOUNTS > 0)
