import keras
import numpy as np
import pytest

from ranking.layers.meta_unit import MetaUnit
from tests.helpers import meta_oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks
from tests.helpers.scenario_batches import shake_weights

B, R, M, H = 3, 5, 7, 2


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def make_inputs(rows=R):
    generator = np.random.default_rng(1)
    return {
        "inputs": generator.normal(size=(B, rows, M)).astype("float32"),
        "knowledge": generator.normal(size=(B, H)).astype("float32"),
    }


def test_layer_contract():
    run_layer_checks(MetaUnit, {"num_layers": 2}, make_inputs(), (B, R, M))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_value_equals_the_loop(num_layers):
    layer, inputs = MetaUnit(num_layers), make_inputs()
    layer.build((B, R, M), (B, H))
    shake_weights(layer)
    expected = [
        [meta_oracles.meta_unit(layer, x, knowledge) for x in session]
        for session, knowledge in zip(*inputs.values(), strict=True)
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-4)


def test_without_knowledge_every_session_has_the_offsets():
    layer, inputs = MetaUnit(), make_inputs()
    inputs["knowledge"][:] = 0
    found = layer(*inputs.values())
    expected = inputs["inputs"] @ layer.kernel_offset_0.numpy()
    expected = np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sessions_have_weights_of_their_own():
    layer, inputs = MetaUnit(), make_inputs()
    inputs["inputs"][:] = inputs["inputs"][0]
    first, second, _ = np.asarray(layer(*inputs.values()))
    assert np.abs(first - second).max() > 0.01


def test_no_rows_give_none():
    outputs, of_weights, _ = outputs_and_gradients(MetaUnit(), make_inputs(rows=0))
    assert outputs.shape == (B, 0, M)
    assert all(np.all(gradient == 0) for gradient in of_weights)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_count_of_weights(num_layers):
    layer = MetaUnit(num_layers)
    layer.build((B, R, M), (B, H))
    assert layer.count_params() == num_layers * (H + 1) * (M**2 + M)


def test_bad_layers_are_refused():
    with pytest.raises(ValueError, match=r"`num_layers` must be.*=0"):
        MetaUnit(0)
