import numpy as np
import pytest

from ranking.layers.meta_tower import MetaTower
from tests.helpers import meta_oracles
from tests.helpers.layer_checks import outputs_and_gradients
from tests.helpers.scenario_batches import shake_weights

B, C, E, H = 3, 5, 7, 11


def make_inputs(num_tasks=2, candidates=C):
    generator = np.random.default_rng(1)
    return {
        "inputs": generator.normal(size=(B, candidates, num_tasks, E)).astype("float32"),
        "knowledge": generator.normal(size=(B, H)).astype("float32"),
    }


def built(num_tasks=2, **arguments):
    layer = MetaTower(**arguments)
    layer.build((B, C, num_tasks, E), (B, H))
    shake_weights(layer, 0.1)
    return layer


@pytest.mark.parametrize("num_tasks", [1, 2])
@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_value_equals_the_loop(num_tasks, meta_units):
    layer = built(num_tasks, num_layers=2, unit_layers=2, meta_units=meta_units)
    inputs = make_inputs(num_tasks)
    expected = [
        [meta_oracles.meta_tower(layer, x, knowledge) for x in session]
        for session, knowledge in zip(*inputs.values(), strict=True)
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-4)


def test_every_layer_keeps_what_it_read():
    layer, inputs = built(num_layers=2), make_inputs()
    for name in ("unit_0_0", "unit_1_0"):
        for weight in getattr(layer, name).weights:
            weight.assign(np.zeros(weight.shape))
    inputs["inputs"] = np.abs(inputs["inputs"])  # what LeakyReLU leaves as it is
    expected = np.sum(inputs["inputs"] * layer.kernel.numpy(), axis=-1) + layer.bias.numpy()
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-5)


@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_every_weight_learns_and_the_config_makes_the_same_layer(meta_units):
    layer = built(num_layers=2, unit_layers=2, meta_units=meta_units)
    _, of_weights, of_inputs = outputs_and_gradients(layer, make_inputs())
    assert all(np.any(gradient) for gradient in (*of_weights, *of_inputs.values()))
    clone = MetaTower.from_config(layer.get_config())
    clone.build((B, C, 2, E), (B, H))
    clone.set_weights(layer.get_weights())
    inputs = make_inputs().values()
    np.testing.assert_array_equal(clone(*inputs), layer(*inputs))


def test_no_candidates_give_nothing():
    for meta_units in ("shared", "per_task"):
        layer = built(meta_units=meta_units)
        assert tuple(layer(*make_inputs(candidates=0).values()).shape) == (B, 0, 2)


@pytest.mark.parametrize(("meta_units", "units"), [("shared", 1), ("per_task", 2)])
def test_count_of_weights(meta_units, units):
    layer = built(num_layers=3, unit_layers=2, meta_units=meta_units)
    generated = 3 * 2 * units * (H + 1) * (E**2 + E)
    assert layer.count_params() == generated + 2 * (E + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_layers": 0}, r"`num_layers` must be.*=0"),
        ({"unit_layers": 0}, r"`unit_layers` must be.*=0"),
        ({"meta_units": "own"}, r"`meta_units` must be one of.*'own'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MetaTower(**arguments)
