import keras
import numpy as np
import pytest

from ranking.layers.adaptive_dense import AdaptiveDense
from tests.helpers import adaptive_oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks
from tests.helpers.scenario_batches import shake_weights

B, C, N, UNITS, K, P, Z = 3, 5, 11, 13, 2, 7, 4
ARGUMENTS = {"units": UNITS, "rank": K, "inner_size": P}


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(1)  # Half precision is close, but how close hangs on the draw.


def make_inputs(per_candidate=False):
    generator = np.random.default_rng(1)
    condition_shape = (B, C, Z) if per_candidate else (B, Z)
    return {
        "inputs": generator.normal(size=(B, C, N)).astype("float32"),
        "condition": generator.normal(size=condition_shape).astype("float32"),
    }


def built(**changes):
    layer = AdaptiveDense(**{**ARGUMENTS, **changes})
    layer.build((B, C, N), (B, Z))
    shake_weights(layer)
    return layer


@pytest.mark.parametrize("inner_size", [P, None])
@pytest.mark.parametrize("per_candidate", [False, True])
def test_layer_contract(inner_size, per_candidate):
    arguments = {**ARGUMENTS, "inner_size": inner_size, "activation": "tanh"}
    run_layer_checks(AdaptiveDense, arguments, make_inputs(per_candidate), (B, C, UNITS))


@pytest.mark.parametrize("per_candidate", [False, True])
def test_value_equals_the_whole_kernel_by_loop(per_candidate):
    layer, inputs = built(), make_inputs(per_candidate)
    vectors, condition = inputs.values()
    expected = [
        [
            adaptive_oracles.adaptive_dense(
                layer, vectors[b, c], condition[b, c] if per_candidate else condition[b]
            )
            for c in range(C)
        ]
        for b in range(B)
    ]
    np.testing.assert_allclose(layer(*inputs.values()), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("per_candidate", [False, True])
def test_folded_layer_has_the_same_outputs_from_fewer_weights(per_candidate):
    layer, inputs = built(activation="relu"), make_inputs(per_candidate)
    folded = layer.fold()
    np.testing.assert_array_equal(folded(*inputs.values()), layer(*inputs.values()))
    assert (folded.name, folded.inner_size) == (layer.name, None)
    assert folded.fold().inner_size is None
    _, _, found = outputs_and_gradients(folded, inputs)
    _, _, expected = outputs_and_gradients(layer, inputs)
    for name in inputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)


def test_folding_leaves_the_layer_as_it_was():
    layer, inputs = built(), make_inputs()
    before = [np.array(weight) for weight in layer.get_weights()]
    folded = layer.fold()
    folded.bias.assign(np.full(UNITS, 9.0))
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.all(np.asarray(layer(*inputs.values())) != np.asarray(folded(*inputs.values())))


def test_count_of_weights():
    generator = (Z + 1) * K**2
    assert built().count_params() == N * P + 2 * P * K + P * UNITS + generator + UNITS
    assert built().fold().count_params() == N * K + K * UNITS + generator + UNITS


def test_conditions_start_with_most_in_common():
    layer = AdaptiveDense(**ARGUMENTS)
    layer.build((B, C, N), (B, Z))
    np.testing.assert_array_equal(layer.core_bias.value, np.eye(K))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, r"`units` must be.*=0"),
        ({"rank": 0}, r"`rank` must be.*=0"),
        ({"inner_size": 1}, r"`inner_size` must be at least `rank`.*inner_size=1, rank=2"),
        ({"inner_size": 2.0}, r"`inner_size` must be.*=2\.0"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveDense(**{**ARGUMENTS, **changes})
