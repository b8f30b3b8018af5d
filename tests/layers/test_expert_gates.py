import numpy as np
import pytest

from ranking.layers.expert_gates import ExpertGates
from tests.helpers import backbone_oracles as oracles
from tests.helpers.layer_checks import run_layer_checks

N, D, K = 11, 7, 5


def make_inputs(*stack):
    generator = np.random.default_rng(1)
    return {"inputs": generator.normal(size=(*stack, N, D)).astype("float32")}


@pytest.mark.parametrize(
    ("stack", "inputs_stack", "gates"),
    [((), (), 1), ((3,), (3,), 3), ((2, 3), (), 6), ((2, 3), (2, 3), 6)],
    ids=str,
)
def test_contract_and_loops(stack, inputs_stack, gates):
    inputs = make_inputs(*inputs_stack)
    arguments = {"stack": stack, "num_experts": K}
    run_layer_checks(ExpertGates, arguments, inputs, (N, gates, K))
    layer = ExpertGates(**arguments)
    found = np.asarray(layer(*inputs.values())).reshape(N, *stack, K)
    read = np.broadcast_to(inputs["inputs"], (*stack, N, D))
    for index in np.ndindex(stack):
        for n in range(N):
            expected = oracles.gate(layer, index, read[index][n])
            np.testing.assert_allclose(found[(n, *index)], expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-6)
    assert found.std(axis=0).min() > 0


def test_gates_have_no_bias():
    layer = ExpertGates((2, 3), K)
    np.testing.assert_allclose(layer(np.zeros((N, D))), np.full((N, 6, K), 1 / K), atol=1e-6)
    assert layer.count_params() == 6 * D * K


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0,), K), r"`stack` must hold.*\(0,\)"),
        (((2,), 0), r"`num_experts` must be.*=0"),
        (((2,), 1), r"`num_experts` must be at least 2, .*=1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ExpertGates(*arguments)


def test_unknown_width_is_refused():
    with pytest.raises(ValueError, match=r"known last dimension.*None"):
        ExpertGates((2,), K).build((N, None))
