import pytest

from ranking.backbones.shared_bottom import SharedBottom, SharedBottomSettings, make_shared_bottom
from ranking.settings_parser import SettingsError
from tests.helpers import backbone_checks as checks
from tests.helpers.backbone_oracles import shared_bottom

ARGUMENTS = {"num_tasks": 2, "hidden_sizes": (13, 11), "tower_hidden_sizes": (5,)}


def test_layer_contract():
    checks.check_backbone_contract(SharedBottom, ARGUMENTS)


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
def test_logits_equal_the_loops(num_scenarios, num_tasks):
    layer = SharedBottom(**{**ARGUMENTS, "num_tasks": num_tasks})
    checks.check_backbone_values(layer, shared_bottom, num_scenarios)


def test_linear_towers_and_a_single_scenario():
    layer = SharedBottom(**{**ARGUMENTS, "tower_hidden_sizes": ()})
    checks.check_backbone_values(layer, shared_bottom, 1)


def test_padding_never_matters():
    checks.check_backbone_padding(SharedBottom(**ARGUMENTS))


def test_no_candidates_give_no_logits():
    checks.check_no_candidates(SharedBottom(**ARGUMENTS))


def test_unknown_scenario_gets_the_mean_logits():
    checks.check_unknown_scenario(SharedBottom(**ARGUMENTS))


def test_context_is_not_read():
    checks.check_context_is_not_read(SharedBottom(**ARGUMENTS))


@pytest.mark.parametrize("scenario", [0, 2])
def test_towers_learn_from_their_own_scenario_only(scenario):
    gradients = checks.gradients_of_scenario(SharedBottom(**ARGUMENTS), 3, scenario)
    checks.check_own_scenario_only(gradients, ("towers/",), 3, scenario)
    assert all(gradients[name].any() for name in gradients if name.startswith("bottom/"))


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: SharedBottom(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize("num_scenarios", [1, 3])
def test_number_of_parameters(num_scenarios):
    layer = SharedBottom(**ARGUMENTS)
    layer.build((None, None, 7), (None, num_scenarios))
    bottom, tower = checks.count_mlp(7, 13, 11), checks.count_mlp(11, 5, 1)
    assert layer.count_params() == bottom + num_scenarios * 2 * tower


def test_settings_become_the_layer():
    settings = SharedBottomSettings(backbone_hidden_sizes=(7, 5, 3), tower_layers=2)
    layer = make_shared_bottom(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks) == ("backbone", 2)
    assert (layer.hidden_sizes, layer.tower_hidden_sizes) == ((7,), (5, 3))


def test_towers_must_leave_a_layer_to_the_bottom():
    settings = SharedBottomSettings(backbone_hidden_sizes=(7,), tower_layers=1)
    with pytest.raises(SettingsError, match=r"`tower_layers` must be below .* is 1\. .*=1"):
        make_shared_bottom(settings, 2, "backbone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold.*\(\)"),
        ({"tower_hidden_sizes": (0,)}, r"`tower_hidden_sizes` must hold.*\(0,\)"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SharedBottom(**{**ARGUMENTS, **changes})


def test_unknown_number_of_scenarios_is_refused():
    with pytest.raises(ValueError, match=r"`scenario` of a known last dimension.*None"):
        SharedBottom(**ARGUMENTS).build((None, None, 7), (None, None))
