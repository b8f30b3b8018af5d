import numpy as np
import pytest

from ranking.layers.scenario_towers import ScenarioTowers
from tests.helpers import backbone_oracles as oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks

B, C, D, S, J = 5, 3, 7, 3, 2


def make_inputs(per_tower, sessions=B, candidates=C):
    generator = np.random.default_rng(1)
    shape = (*((S, J) if per_tower else ()), sessions, candidates, D)
    scenario = generator.dirichlet(np.ones(S), size=sessions)
    scenario[:2] = np.eye(S)[[2, 0]][:sessions]
    return {
        "inputs": generator.normal(size=shape).astype("float32"),
        "scenario": scenario.astype("float32"),
    }


KINDS = pytest.mark.parametrize("per_tower", [False, True], ids=["shared", "per tower"])


@KINDS
def test_layer_contract(per_tower):
    arguments = {"num_tasks": J, "hidden_sizes": (11, 5)}
    run_layer_checks(ScenarioTowers, arguments, make_inputs(per_tower), (B, C, J))


@KINDS
@pytest.mark.parametrize("hidden_sizes", [(), (11,)])
def test_value_equals_the_loops(per_tower, hidden_sizes):
    layer, inputs = ScenarioTowers(J, hidden_sizes=hidden_sizes), make_inputs(per_tower)
    found = layer(*inputs.values())
    read = np.broadcast_to(inputs["inputs"], (S, J, B, C, D))
    expected = [
        [oracles.towers(layer, read[:, :, b, c], inputs["scenario"][b]) for c in range(C)]
        for b in range(B)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_session_reads_and_teaches_its_own_scenario_only():
    layer, inputs = ScenarioTowers(J, hidden_sizes=(11,)), make_inputs(True)
    inputs["scenario"][:] = np.eye(S)[1]
    _, of_weights, of_inputs = outputs_and_gradients(layer, inputs)
    for gradient in (*of_weights, of_inputs["inputs"]):
        assert [bool(np.any(gradient[s])) for s in range(S)] == [False, True, False]


@KINDS
@pytest.mark.parametrize(("sessions", "candidates"), [(0, C), (B, 0)])
def test_nothing_to_score(per_tower, sessions, candidates):
    inputs = make_inputs(per_tower, sessions, candidates)
    outputs, of_weights, _ = outputs_and_gradients(ScenarioTowers(J, hidden_sizes=(5,)), inputs)
    assert outputs.shape == (sessions, candidates, J)
    assert all(np.all(gradient == 0) for gradient in of_weights)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`num_tasks` must be.*=0"):
        ScenarioTowers(0, hidden_sizes=())
    with pytest.raises(ValueError, match=r"`hidden_sizes` must hold.*\(0,\)"):
        ScenarioTowers(J, hidden_sizes=(0,))
    with pytest.raises(ValueError, match=r"`scenario` of a known last dimension.*None"):
        ScenarioTowers(J, hidden_sizes=()).build((None, None, D), (None, None))
    with pytest.raises(ValueError, match=r"inputs of a known last dimension.*None"):
        ScenarioTowers(J, hidden_sizes=()).build((None, None, None), (None, S))
