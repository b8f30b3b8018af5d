import numpy as np
import pytest

from ranking.layers.expert_level import ExpertLevel
from tests.helpers import backbone_oracles as oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks

N, D, SIZE = 11, 7, 13
STACK = (2, 3)
ARGUMENTS = {
    "stack": STACK,
    "hidden_sizes": (5, SIZE),
    "specific_experts": 2,
    "shared_experts": 3,
}


def make_inputs(*stack, rows=N):
    generator = np.random.default_rng(1)
    return {
        "groups": generator.normal(size=(*stack, rows, D)).astype("float32"),
        "shared": generator.normal(size=(rows, D)).astype("float32"),
    }


LEVELS = pytest.mark.parametrize("inputs_stack", [(), STACK], ids=["first", "later"])


@LEVELS
def test_contract_of_the_last_level(inputs_stack):
    arguments = {**ARGUMENTS, "is_last": True}
    run_layer_checks(ExpertLevel, arguments, make_inputs(*inputs_stack), (*STACK, N, SIZE))


@LEVELS
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize(("own", "common"), [(1, 1), (2, 3)])
def test_value_equals_the_loops(inputs_stack, is_last, own, common):
    changes = {"is_last": is_last, "specific_experts": own, "shared_experts": common}
    layer, inputs = ExpertLevel(**{**ARGUMENTS, **changes}), make_inputs(*inputs_stack)
    outputs = layer(*inputs.values())
    groups, shared = (outputs, None) if is_last else outputs
    read = np.broadcast_to(inputs["groups"], (*STACK, N, D))
    for n in range(N):
        of_groups = {index: read[index][n] for index in np.ndindex(STACK)}
        extracted, of_shared = oracles.expert_level(layer, of_groups, inputs["shared"][n])
        for index, expected in extracted.items():
            np.testing.assert_allclose(groups[index][n], expected, atol=1e-5)
        if not is_last:
            np.testing.assert_allclose(shared[n], of_shared, atol=1e-5)


def test_the_shared_gate_weighs_the_experts_of_all_groups():
    layer = ExpertLevel(**ARGUMENTS)
    layer.build((N, D), (N, D))
    assert layer.shared_gate.kernel.shape == (D, 6 * 2 + 3)
    assert layer.group_gates.kernel.shape == (*STACK, D, 2 + 3)


def test_the_last_level_has_no_shared_gate():
    assert not hasattr(ExpertLevel(**ARGUMENTS, is_last=True), "shared_gate")


def test_shapes_are_known_before_the_call():
    shapes = ExpertLevel(**ARGUMENTS).compute_output_shape((None, D), (None, D))
    assert shapes == ((*STACK, None, SIZE), (None, SIZE))


def test_no_rows():
    layer = ExpertLevel(**ARGUMENTS, is_last=True)
    outputs, of_weights, _ = outputs_and_gradients(layer, make_inputs(*STACK, rows=0))
    assert outputs.shape == (*STACK, 0, SIZE)
    assert all(np.all(gradient == 0) for gradient in of_weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stack": (0,)}, r"`stack` must hold.*\(0,\)"),
        ({"hidden_sizes": (0,)}, r"`hidden_sizes` must hold.*\(0,\)"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold at least one.*\(\)"),
        ({"specific_experts": 0}, r"`specific_experts` must be.*=0"),
        ({"shared_experts": 0}, r"`shared_experts` must be.*=0"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ExpertLevel(**{**ARGUMENTS, **changes})
