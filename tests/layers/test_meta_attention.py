import keras
import numpy as np
import pytest

from ranking.layers.meta_attention import MetaAttention
from tests.helpers import meta_oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks
from tests.helpers.scenario_batches import shake_weights

B, C, N, E, J, H = 3, 5, 4, 7, 2, 11


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def make_inputs(candidates=C, num_tasks=J):
    generator = np.random.default_rng(1)
    return {
        "experts": generator.normal(size=(B, candidates, N, E)).astype("float32"),
        "tasks": generator.normal(size=(num_tasks, E)).astype("float32"),
        "knowledge": generator.normal(size=(B, H)).astype("float32"),
    }


def built(num_tasks=J, **arguments):
    layer = MetaAttention(num_tasks, **arguments)
    layer.build((B, C, N, E), (num_tasks, E), (B, H))
    shake_weights(layer, 0.1)
    return layer


@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_layer_contract(meta_units):
    arguments = {"num_tasks": J, "num_layers": 2, "meta_units": meta_units}
    run_layer_checks(MetaAttention, arguments, make_inputs(), (B, C, J, E))


@pytest.mark.parametrize("num_tasks", [1, 2])
@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_value_equals_the_loop(num_tasks, meta_units):
    layer = built(num_tasks, meta_units=meta_units, num_layers=2)
    inputs = make_inputs(num_tasks=num_tasks)
    experts, tasks, knowledge = inputs.values()
    expected = [
        [meta_oracles.meta_attention(layer, experts[b, c], tasks, knowledge[b]) for c in range(C)]
        for b in range(B)
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-4)


@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_equal_experts_are_mixed_to_themselves(meta_units):
    layer, inputs = built(meta_units=meta_units), make_inputs()
    inputs["experts"][:] = inputs["experts"][:, :, :1]
    expected = np.repeat(inputs["experts"][:, :, :1], J, axis=2)
    np.testing.assert_allclose(layer(*inputs.values()), expected, atol=1e-5)


@pytest.mark.parametrize("meta_units", ["shared", "per_task"])
def test_tasks_mix_differently(meta_units):
    found = np.asarray(built(meta_units=meta_units)(*make_inputs().values()))
    assert np.abs(found[:, :, 0] - found[:, :, 1]).max() > 0.01


def test_no_candidates_give_nothing():
    outputs, of_weights, _ = outputs_and_gradients(built(), make_inputs(candidates=0))
    assert outputs.shape == (B, 0, J, E)
    assert all(np.all(gradient == 0) for gradient in of_weights)


@pytest.mark.parametrize(("meta_units", "units"), [("shared", 1), ("per_task", J)])
def test_count_of_weights(meta_units, units):
    width = 2 * E
    expected = units * ((H + 1) * (width**2 + width) + width)
    assert built(meta_units=meta_units).count_params() == expected


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`num_tasks` must be.*=0"):
        MetaAttention(0)
    with pytest.raises(ValueError, match=r"`meta_units` must be one of.*'own'"):
        MetaAttention(2, meta_units="own")
