import numpy as np
import pytest
import tensorflow as tf

from ranking.losses.hierarchical_constraint import hierarchical_constraint
from tests.helpers import gate_oracles
from tests.helpers.numeric_gradient import numeric_gradient

N, K = 7, 5
CHANCE = np.random.default_rng(1)
CHILD, PARENT = CHANCE.normal(size=(2, N, K)).astype("float32")
MASK = np.arange(N) % 3 > 0


def value(child, parent):
    total, count = hierarchical_constraint(child, parent, MASK)
    return float(total), float(count)


def gradients(child, parent):
    with tf.GradientTape() as tape:
        arguments = [tf.constant(child), tf.constant(parent)]
        tape.watch(arguments)
        total, _ = hierarchical_constraint(*arguments, MASK)
    return [gradient.numpy() for gradient in tape.gradient(total, arguments)]


def test_value_and_gradients_equal_the_loop():
    def oracle(child, parent):
        return gate_oracles.hierarchical_constraint(child, parent, MASK)

    np.testing.assert_allclose(value(CHILD, PARENT), oracle(CHILD, PARENT), rtol=1e-5)
    exact = CHILD.astype("float64"), PARENT.astype("float64")
    expected = [
        numeric_gradient(lambda child: oracle(child, exact[1])[0], exact[0]),
        numeric_gradient(lambda parent: oracle(exact[0], parent)[0], exact[1]),
    ]
    for one, other in zip(gradients(CHILD, PARENT), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_padding_content_never_matters(filler):
    filled = [np.where(MASK[:, None], part, np.float32(filler)) for part in (CHILD, PARENT)]
    assert value(*filled) == value(CHILD, PARENT)
    for one, other in zip(gradients(*filled), gradients(CHILD, PARENT), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[~MASK], 0)


def test_equal_gates_cost_nothing():
    assert value(CHILD, CHILD) == (0, MASK.sum())


def test_rows_may_have_any_shape():
    shaped = hierarchical_constraint(CHILD[None], PARENT[None], MASK[None])
    np.testing.assert_allclose([float(part) for part in shaped], value(CHILD, PARENT), rtol=1e-6)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"`hierarchical_constraint` takes.*parent\.shape=\(7,\)"):
        hierarchical_constraint(CHILD, PARENT[:, 0], MASK)
