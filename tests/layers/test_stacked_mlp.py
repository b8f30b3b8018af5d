import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.stacked_mlp import StackedMlp
from tests.helpers import backbone_oracles as oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks

N, D = 11, 7
STACK = (2, 3)


def make_inputs(*stack):
    generator = np.random.default_rng(1)
    return {"inputs": generator.normal(size=(*stack, N, D)).astype("float32")}


SIZES = pytest.mark.parametrize(
    ("hidden_sizes", "output_size"), [((), 1), ((5,), None), ((13, 5), 3)]
)


@SIZES
def test_layer_contract(hidden_sizes, output_size):
    arguments = {"stack": STACK, "hidden_sizes": hidden_sizes, "output_size": output_size}
    shape = (*STACK, N, output_size or hidden_sizes[-1])
    run_layer_checks(StackedMlp, arguments, make_inputs(), shape)
    run_layer_checks(StackedMlp, arguments, make_inputs(*STACK), shape)


@SIZES
@pytest.mark.parametrize("inputs_stack", [(), (3,), (2, 1), STACK], ids=str)
def test_value_equals_each_network_by_itself(hidden_sizes, output_size, inputs_stack):
    layer = StackedMlp(STACK, hidden_sizes, output_size)
    inputs = make_inputs(*inputs_stack)["inputs"]
    found = np.asarray(layer(inputs))
    read = np.broadcast_to(inputs, (*STACK, N, D))
    for index in np.ndindex(STACK):
        expected = [oracles.stack_network(layer, index, x) for x in read[index]]
        np.testing.assert_allclose(found[index], expected, atol=1e-5)


def test_a_network_learns_from_what_it_says_only():
    layer, inputs = StackedMlp(STACK, (5,), 1), make_inputs()["inputs"]
    layer.build(inputs.shape)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs)[1, 2])
    for gradient in tape.gradient(total, [v.value for v in layer.trainable_variables]):
        learned = [index for index in np.ndindex(STACK) if np.any(gradient[index])]
        assert learned == [(1, 2)]


def test_no_rows():
    inputs = {"inputs": np.zeros((0, D), "float32")}
    outputs, of_weights, _ = outputs_and_gradients(StackedMlp(STACK, (5,)), inputs)
    assert outputs.shape == (*STACK, 0, 5)
    assert all(np.all(gradient == 0) for gradient in of_weights)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((2, 0), (5,)), r"`stack` must hold.*\(2, 0\)"),
        (((2,), (0,)), r"`hidden_sizes` must hold.*\(0,\)"),
        (((2,), (5,), 0), r"`output_size` must be.*=0"),
        (((2,), ()), r"`hidden_sizes` must hold at least one.*\(\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        StackedMlp(*arguments)


def test_unknown_width_is_refused():
    with pytest.raises(ValueError, match=r"known last dimension.*None"):
        StackedMlp((2,), (5,)).build((N, None))
