import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.info_nce import info_nce
from tests.helpers import oracles
from tests.helpers.numeric_gradient import numeric_gradient

N, L, K = 5, 3, 2
DENOMINATOR = pytest.mark.parametrize("positive_in_denominator", [True, False])
VECTORS = ("anchors", "positives", "negatives")
# An invalid anchor, one without negatives, one with some and two with all.
ANCHORS_MASK = np.array([False, True, True, True, True])
NEGATIVES_MASK = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [1, 1, 1]], bool)
USED = {
    "anchors": np.array([0, 0, 1, 1, 1], bool),
    "positives": np.array([0, 0, 1, 1, 1], bool),
    "negatives": NEGATIVES_MASK & ANCHORS_MASK[:, None],
}


def make_vectors(scale=1.0):
    generator = np.random.default_rng(1)
    shapes = {"anchors": (N, K), "positives": (N, K), "negatives": (N, L, K)}
    return {
        name: (scale * generator.normal(size=shape)).astype("float32")
        for name, shape in shapes.items()
    }


def loss(vectors, **options):
    masks = {"anchors_mask": ANCHORS_MASK, "negatives_mask": NEGATIVES_MASK}
    return info_nce(*(vectors[name] for name in VECTORS), **{**masks, **options})


def oracle(vectors, positive_in_denominator):
    arguments = [vectors[name] for name in VECTORS]
    return oracles.info_nce(*arguments, ANCHORS_MASK, NEGATIVES_MASK, positive_in_denominator)


def total_and_gradients(vectors, **options):
    vectors = {name: tf.convert_to_tensor(array) for name, array in vectors.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(vectors.values()))
        total, _ = loss(vectors, **options)
    gradients = tape.gradient(total, vectors)
    return total.numpy(), {name: gradient.numpy() for name, gradient in gradients.items()}


@DENOMINATOR
def test_value_equals_the_loop(positive_in_denominator):
    found = loss(make_vectors(), positive_in_denominator=positive_in_denominator)
    np.testing.assert_allclose(found, oracle(make_vectors(), positive_in_denominator), rtol=1e-5)


@DENOMINATOR
@pytest.mark.parametrize("name", VECTORS)
def test_gradient_equals_the_difference(name, positive_in_denominator):
    vectors = make_vectors()

    def of_one(array):
        return oracle({**vectors, name: array}, positive_in_denominator)[0]

    options = {"positive_in_denominator": positive_in_denominator}
    _, gradients = total_and_gradients(vectors, **options)
    expected = numeric_gradient(of_one, vectors[name].astype("float64"))
    np.testing.assert_allclose(gradients[name], expected, atol=1e-5)


@DENOMINATOR
@pytest.mark.parametrize("filler", [7.0, np.inf, -np.inf, np.nan])
def test_padding_content_never_matters(filler, positive_in_denominator):
    options = {"positive_in_denominator": positive_in_denominator}
    filled = {
        name: np.where(USED[name][..., None], array, np.float32(filler))
        for name, array in make_vectors().items()
    }
    total, gradients = total_and_gradients(filled, **options)
    expected_total, expected_gradients = total_and_gradients(make_vectors(), **options)
    assert total == expected_total
    for name in VECTORS:
        np.testing.assert_array_equal(gradients[name], expected_gradients[name])
        np.testing.assert_array_equal(gradients[name][~USED[name]], 0.0)


@DENOMINATOR
def test_large_products_stay_finite(positive_in_denominator):
    options = {"positive_in_denominator": positive_in_denominator}
    total, gradients = total_and_gradients(make_vectors(100.0), **options)
    assert np.isfinite(total)
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


def test_order_of_negatives_never_matters():
    vectors = make_vectors()
    order = [2, 0, 1]
    changed = {**vectors, "negatives": vectors["negatives"][:, order]}
    found = loss(changed, negatives_mask=NEGATIVES_MASK[:, order])
    np.testing.assert_allclose(found, loss(vectors), rtol=1e-6)


def test_equal_views_cost_the_logarithm_of_their_number():
    ones = {"anchors": (1, K), "positives": (1, K), "negatives": (1, L, K)}
    vectors = {name: np.ones(shape, "float32") for name, shape in ones.items()}
    masks = {"anchors_mask": np.ones(1, bool), "negatives_mask": np.ones((1, L), bool)}
    np.testing.assert_allclose(loss(vectors, **masks), (np.log(1 + L), 1.0), rtol=1e-6)
    without = loss(vectors, **masks, positive_in_denominator=False)
    np.testing.assert_allclose(without, (np.log(L), 1.0), rtol=1e-6)


@DENOMINATOR
def test_no_negatives_at_all_give_zeros(positive_in_denominator):
    vectors = make_vectors()
    vectors["negatives"] = vectors["negatives"][:, :0]
    options = {
        "negatives_mask": NEGATIVES_MASK[:, :0],
        "positive_in_denominator": positive_in_denominator,
    }
    total, count = loss(vectors, **options)
    assert float(total) == float(count) == 0.0
    _, gradients = total_and_gradients(vectors, **options)
    assert all(np.all(gradient == 0) for gradient in gradients.values())


def test_half_precision_vectors_give_float32_sums():
    vectors = {name: tf.cast(array, "bfloat16") for name, array in make_vectors().items()}
    total, count = loss(vectors)
    assert total.dtype == count.dtype == "float32"


def test_bad_shapes_are_refused():
    vectors = make_vectors()
    with pytest.raises(ValueError, match=r"`info_nce` takes.*negatives\.shape=\(5, 2\)"):
        loss({**vectors, "negatives": vectors["anchors"]})
