import numpy as np
import pytest

from ranking.layers.scenario_weights import ScenarioWeights
from tests.helpers.layer_checks import run_layer_checks


@pytest.mark.parametrize("num_scenarios", [1, 2, 3])
def test_layer_contract(num_scenarios):
    inputs = {"ids": np.array([0, 1, 2, 3, 4, 2, 9], "int32")}
    arguments = {"num_scenarios": num_scenarios}
    run_layer_checks(ScenarioWeights, arguments, inputs, (7, num_scenarios))


def test_scenarios_are_told_apart():
    found = ScenarioWeights(3)(np.array([4, 2, 3, 4]))
    expected = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("id_", [0, 1, 5, 999, -1], ids=str)
def test_what_is_no_scenario_is_a_little_of_each(id_):
    np.testing.assert_allclose(ScenarioWeights(3)(np.array([id_])), [[1 / 3] * 3])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_any_type_of_integer(dtype):
    np.testing.assert_array_equal(ScenarioWeights(2)(np.array([3, 2], dtype)), [[0, 1], [1, 0]])


def test_no_sessions():
    assert ScenarioWeights(2)(np.zeros(0, "int32")).shape == (0, 2)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"`num_scenarios` must be.*=0"):
        ScenarioWeights(0)
    with pytest.raises(ValueError, match=r"`ids` of shape \(B,\).*\(2, 3\)"):
        ScenarioWeights(2)(np.zeros((2, 3), "int32"))
