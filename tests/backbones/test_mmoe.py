import numpy as np
import pytest

from ranking.backbones.mmoe import Mmoe, MmoeSettings, make_mmoe
from ranking.settings_parser import SettingsError
from tests.helpers import backbone_checks as checks
from tests.helpers.backbone_oracles import mmoe

ARGUMENTS = {
    "num_tasks": 2,
    "num_experts": 5,
    "hidden_sizes": (13, 11),
    "tower_hidden_sizes": (3,),
}


def test_layer_contract():
    checks.check_backbone_contract(Mmoe, ARGUMENTS)


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
def test_logits_equal_the_loops(num_scenarios, num_tasks):
    layer = Mmoe(**{**ARGUMENTS, "num_tasks": num_tasks})
    checks.check_backbone_values(layer, mmoe, num_scenarios)


def test_padding_never_matters():
    checks.check_backbone_padding(Mmoe(**ARGUMENTS))


def test_no_candidates_give_no_logits():
    checks.check_no_candidates(Mmoe(**ARGUMENTS))


def test_unknown_scenario_gets_the_mean_logits():
    checks.check_unknown_scenario(Mmoe(**ARGUMENTS))


def test_context_is_not_read():
    checks.check_context_is_not_read(Mmoe(**ARGUMENTS))


@pytest.mark.parametrize("scenario", [0, 2])
def test_gates_and_towers_learn_from_their_own_scenario_only(scenario):
    gradients = checks.gradients_of_scenario(Mmoe(**ARGUMENTS), 3, scenario)
    checks.check_own_scenario_only(gradients, ("gates/", "towers/"), 3, scenario)
    experts = [gradients[name] for name in gradients if name.startswith("experts/")]
    assert experts and all(np.any(one) for array in experts for one in array)


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: Mmoe(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize("num_scenarios", [1, 3])
def test_number_of_parameters(num_scenarios):
    layer = Mmoe(**ARGUMENTS)
    layer.build((None, None, 7), (None, num_scenarios))
    expert, tower = checks.count_mlp(7, 13, 11), checks.count_mlp(11, 3, 1)
    groups = num_scenarios * 2
    assert layer.count_params() == 5 * expert + groups * 7 * 5 + groups * tower


def test_settings_become_the_layer():
    settings = MmoeSettings(backbone_hidden_sizes=(7, 5, 3), tower_layers=0, mmoe_experts=11)
    layer = make_mmoe(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks, layer.num_experts) == ("backbone", 2, 11)
    assert (layer.hidden_sizes, layer.tower_hidden_sizes) == ((7, 5, 3), ())


def test_bad_settings_are_refused():
    with pytest.raises(SettingsError, match=r"`mmoe_experts` must be at least 2\. .*=1"):
        MmoeSettings(mmoe_experts=1)
    with pytest.raises(SettingsError, match=r"`tower_layers` must be below .* is 3\. .*=3"):
        make_mmoe(MmoeSettings(tower_layers=3), 2, "backbone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"tower_hidden_sizes": (0,)}, r"`tower_hidden_sizes` must hold.*\(0,\)"),
        ({"num_experts": 0}, r"`num_experts` must be.*=0"),
        ({"num_experts": 1}, r"`num_experts` must be at least 2.*=1"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold.*\(\)"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Mmoe(**{**ARGUMENTS, **changes})
