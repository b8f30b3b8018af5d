import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.star_dense import StarDense
from tests.helpers import oracles, star_oracles
from tests.helpers.layer_checks import run_layer_checks
from tests.helpers.scenario_batches import B, C, D, make_scenario_batch, only, shake_weights

UNITS = 13


def make_inputs(num_scenarios=3):
    return only(make_scenario_batch(num_scenarios), "vectors", "scenario")


def built(num_scenarios=3, **arguments):
    layer = StarDense(UNITS, **arguments)
    layer.build((B, C, D), (B, num_scenarios))
    return layer


def test_layer_contract():
    arguments = {"units": UNITS, "activation": "tanh"}
    run_layer_checks(StarDense, arguments, make_inputs(), (B, C, UNITS))


@pytest.mark.parametrize("num_scenarios", [1, 2, 3])
def test_value_equals_the_loop(num_scenarios):
    layer, inputs = built(num_scenarios), make_inputs(num_scenarios)
    shake_weights(layer)
    by = star_oracles.arrays(layer)
    expected = [
        [star_oracles.star_dense(by, x, weights) for x in session]
        for session, weights in zip(*inputs.values(), strict=True)
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-4)


def test_every_scenario_starts_as_the_shared_layer():
    layer, inputs = built(activation="relu"), make_inputs()
    kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
    expected = [
        [oracles.relu(oracles.dense(kernel, bias, x)) for x in session]
        for session in inputs["vectors"]
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-5)
    limit = np.sqrt(6 / (D + UNITS))
    assert 0.8 * limit < np.abs(kernel).max() <= limit


def test_a_session_teaches_the_shared_part_and_its_own_scenario_only():
    layer, inputs = built(), make_inputs()
    parts = (layer.scenario_kernel, layer.scenario_bias, layer.kernel, layer.bias)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(*inputs.values())[1])  # of the last scenario
    *own, kernel, bias = tape.gradient(total, [part.value for part in parts])
    for gradient in own:
        assert np.all(np.asarray(gradient[:2]) == 0) and np.all(np.asarray(gradient[2]) != 0)
    assert np.all(np.asarray(kernel) != 0) and np.all(np.asarray(bias) != 0)


def test_count_of_weights():
    assert built(3).count_params() == (1 + 3) * (D * UNITS + UNITS)


def test_bad_units_are_refused():
    with pytest.raises(ValueError, match=r"`units` must be.*=0"):
        StarDense(0)
