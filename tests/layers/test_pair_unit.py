import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.pair_unit import PairUnit
from tests.helpers import oracles
from tests.helpers.graph_products import graph_products
from tests.helpers.graph_shapes import output_shapes
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks

B, T, C, D, U = 3, 5, 7, 11, 2
ARGUMENTS = {"output_size": U, "hidden_sizes": (13, 17)}


def make_inputs(*, per_candidate=True, length=T):
    generator = np.random.default_rng(1)
    context_shape = (B, C, D) if per_candidate else (B, D)
    return {
        "behaviors": generator.normal(size=(B, length, D)).astype("float32"),
        "context": generator.normal(size=context_shape).astype("float32"),
    }


@pytest.mark.parametrize("per_candidate", [True, False])
def test_layer_contract(per_candidate):
    shape = (B, C, T, U) if per_candidate else (B, T, U)
    run_layer_checks(PairUnit, ARGUMENTS, make_inputs(per_candidate=per_candidate), shape)


@pytest.mark.parametrize("hidden_sizes", [(13,), (13, 17, 19)])
def test_value_equals_the_network_over_the_four_parts(hidden_sizes):
    layer, inputs = PairUnit(U, hidden_sizes=hidden_sizes), make_inputs()
    found = layer(*inputs.values())
    weights = oracles.dense_pairs(layer)
    assert weights[0][0].shape == (4 * D, 13)
    for b in range(B):
        for c in range(C):
            for t in range(T):
                pair = inputs["behaviors"][b, t], inputs["context"][b, c]
                expected = oracles.pair_unit(weights, *pair)
                np.testing.assert_allclose(found[b, c, t], expected, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("per_candidate", [True, False])
def test_values_and_gradients_equal_those_of_the_four_parts_side_by_side(per_candidate, training):
    layer, inputs = PairUnit(**ARGUMENTS), make_inputs(per_candidate=per_candidate)
    found = outputs_and_gradients(layer, inputs, training=training)
    expected = outputs_and_gradients(_SideBySide(layer), inputs)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    for name, gradient in expected[2].items():
        np.testing.assert_allclose(found[2][name], gradient, rtol=1e-4, atol=1e-4)


class _SideBySide:
    """The same network in its plain form, with the weights of a unit."""

    def __init__(self, unit):
        self.unit = unit

    @property
    def trainable_variables(self):
        return self.unit.trainable_variables

    def __call__(self, behaviors, context):
        context = context[..., None, :]
        x = behaviors[:, None] if len(context.shape) == 4 else behaviors
        y, x = context + 0 * x, x + 0 * context
        pairs = keras.ops.concatenate([x, y, x - y, x * y], axis=-1)
        hidden = keras.ops.relu(keras.ops.matmul(pairs, self.unit.kernel) + self.unit.bias)
        return self.unit.following_layers(hidden)


@pytest.mark.parametrize("hidden_size", [8, 24])
def test_per_pair_there_is_one_product_and_nothing_as_wide_as_an_input(hidden_size):
    layer, width, behaviors, contexts = PairUnit(1, hidden_sizes=(hidden_size,)), 16, 128, 5
    shapes = (1, behaviors, width), (1, contexts, width)
    layer.build(*shapes)
    function = tf.function(layer).get_concrete_function(*map(tf.TensorSpec, shapes))
    pairs = behaviors * contexts
    of_pairs = 2 * (width + 1) * hidden_size + 2 * hidden_size
    of_contexts = 2 * 2 * width * hidden_size + 2 * width * hidden_size
    assert graph_products(function.graph) == pairs * of_pairs + contexts * of_contexts
    sizes = {math.prod(shape) for _, shape in output_shapes(function)}
    assert pairs * hidden_size in sizes
    assert not sizes & {pairs * width, pairs * (width + 1), pairs * 4 * width}


def test_one_context_equals_a_single_candidate():
    layer, inputs = PairUnit(**ARGUMENTS), make_inputs()
    found = layer(*inputs.values())
    for c in range(C):
        alone = layer(inputs["behaviors"], inputs["context"][:, c])
        np.testing.assert_allclose(found[:, c], alone, atol=1e-6)


def test_order_of_behaviors_moves_with_the_scores():
    layer, inputs = PairUnit(**ARGUMENTS), make_inputs()
    order = np.random.default_rng(2).permutation(T)
    expected = np.asarray(layer(*inputs.values()))[:, :, order]
    found = layer(inputs["behaviors"][:, order], inputs["context"])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_no_contexts_give_no_scores(training):
    inputs = make_inputs()
    outputs, of_weights, _ = outputs_and_gradients(
        PairUnit(**ARGUMENTS), {**inputs, "context": inputs["context"][:, :0]}, training=training
    )
    assert outputs.shape == (B, 0, T, U)
    assert all(np.all(gradient == 0) for gradient in of_weights)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("per_candidate", [True, False])
def test_no_behaviors_give_no_scores_and_finite_gradients(per_candidate, training):
    inputs = make_inputs(per_candidate=per_candidate, length=0)
    found = outputs_and_gradients(PairUnit(**ARGUMENTS), inputs, training=training)
    outputs, of_weights, _ = found
    assert outputs.shape == ((B, C, 0, U) if per_candidate else (B, 0, U))
    assert all(np.all(gradient == 0) for gradient in of_weights)


def test_units_start_different():
    first, second = PairUnit(**ARGUMENTS), PairUnit(**ARGUMENTS)
    inputs = make_inputs()
    assert not np.allclose(first(*inputs.values()), second(*inputs.values()))


def test_output_scale_shrinks_the_first_scores_but_no_gradient_to_zero():
    inputs = make_inputs()
    plain = PairUnit(U, hidden_sizes=(13, 101))
    small = PairUnit(U, hidden_sizes=(13, 101), output_initializer_scale=0.1)
    spreads = [np.std(layer(*inputs.values())) for layer in (plain, small)]
    assert 0.03 < spreads[1] / spreads[0] < 0.3
    limit = 0.1 * np.sqrt(6 / (101 + U))
    kernel = small.get_weights()[-2]
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    _, of_weights, _ = outputs_and_gradients(small, inputs)
    assert all(np.any(gradient) for gradient in of_weights)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_size": 0}, r"`output_size` must be a whole number from 1 on.*=0"),
        ({"output_size": True}, r"`output_size` must be a whole number from 1 on.*=True"),
        ({"output_size": 1, "hidden_sizes": ()}, r"`hidden_sizes` must hold at least one.*\(\)"),
        ({"output_size": 1, "hidden_sizes": (-3,)}, r"`hidden_sizes` must hold.*\(-3,\)"),
        ({"output_size": 1, "output_initializer_scale": 0.0}, r"must be above 0.*=0\.0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairUnit(**arguments)


@pytest.mark.parametrize(
    ("behaviors", "context", "message"),
    [
        ((B, D), (B, D), r"of shape \(B, T, D\).*behaviors\.shape=\(3, 11\)"),
        ((B, T, D), (B, C, T, D), r"of shape \(B, T, D\).*context\.shape=\(3, 7, 5, 11\)"),
        ((B, T, D), (B, D + 2), r"known last dimension.*context\.shape=\(3, 13\)"),
        ((B, T, None), (B, None), r"known last dimension"),
    ],
)
def test_bad_shapes_are_refused(behaviors, context, message):
    with pytest.raises(ValueError, match=message):
        PairUnit(**ARGUMENTS).build(behaviors, context)
