import numpy as np
import pytest

from ranking.backbones.ple import Ple, PleSettings, make_ple
from ranking.settings_parser import SettingsError
from tests.helpers import backbone_checks as checks
from tests.helpers.backbone_oracles import ple

ARGUMENTS = {
    "num_tasks": 2,
    "specific_experts": 2,
    "shared_experts": 3,
    "level_hidden_sizes": ((13,), (11,)),
    "tower_hidden_sizes": (5,),
}


def test_layer_contract():
    checks.check_backbone_contract(Ple, ARGUMENTS)


@pytest.mark.parametrize("num_scenarios", [2, 3])
@pytest.mark.parametrize("num_tasks", [1, 2])
def test_logits_equal_the_loops(num_scenarios, num_tasks):
    layer = Ple(**{**ARGUMENTS, "num_tasks": num_tasks})
    checks.check_backbone_values(layer, ple, num_scenarios)


@pytest.mark.parametrize("levels", [((11, 7),), ((13,), (11, 5), (7,))], ids=len)
def test_any_number_of_levels_and_layers(levels):
    layer = Ple(**{**ARGUMENTS, "level_hidden_sizes": levels})
    checks.check_backbone_values(layer, ple, 2)


def test_padding_never_matters():
    checks.check_backbone_padding(Ple(**ARGUMENTS))


def test_no_candidates_give_no_logits():
    checks.check_no_candidates(Ple(**ARGUMENTS))


def test_unknown_scenario_gets_the_mean_logits():
    checks.check_unknown_scenario(Ple(**ARGUMENTS))


def test_context_is_not_read():
    checks.check_context_is_not_read(Ple(**ARGUMENTS))


@pytest.mark.parametrize("scenario", [0, 2])
def test_what_a_scenario_owns_learns_from_it_only(scenario):
    gradients = checks.gradients_of_scenario(Ple(**ARGUMENTS), 3, scenario)
    own = ("towers/", "level_1/specific/", "level_1/group_gates/", "level_0/group_gates/")
    checks.check_own_scenario_only(gradients, own, 3, scenario)


def test_below_the_last_level_the_shared_module_reads_the_experts_of_all_scenarios():
    gradients = checks.gradients_of_scenario(Ple(**ARGUMENTS), 3, 1)
    kernel = gradients["level_0/specific/kernel_0"]
    assert kernel.shape == (3, 2, 2, 7, 13)
    assert all(np.any(kernel[index]) for index in np.ndindex(kernel.shape[:3]))
    assert np.all(np.any(gradients["level_0/shared_gate/kernel"], axis=0))


def test_checkpoint_holds_every_weight(tmp_path):
    checks.check_checkpoint(lambda: Ple(**ARGUMENTS), tmp_path)


@pytest.mark.parametrize("num_scenarios", [1, 3])
def test_number_of_parameters(num_scenarios):
    layer = Ple(**ARGUMENTS)
    layer.build((None, None, 7), (None, num_scenarios))
    own, shared, groups = 2, 3, num_scenarios * 2

    def level(size_in, size, is_last):
        experts = (groups * own + shared) * checks.count_mlp(size_in, size)
        gates = groups * size_in * (own + shared)
        shared_gate = 0 if is_last else size_in * (groups * own + shared)
        return experts + gates + shared_gate

    towers = groups * checks.count_mlp(11, 5, 1)
    assert layer.count_params() == level(7, 13, False) + level(13, 11, True) + towers


@pytest.mark.parametrize(
    ("sizes", "levels", "expected"),
    [
        ((7, 5, 3), 2, ((7,), (5,))),
        ((7, 5, 3), 1, ((7, 5),)),
        ((13, 11, 7, 5, 3), 3, ((13, 11), (7,), (5,))),
        ((17, 13, 11, 7, 5, 3), 2, ((17, 13, 11), (7, 5))),
    ],
)
def test_layers_are_dealt_to_levels_as_evenly_as_possible(sizes, levels, expected):
    settings = PleSettings(
        backbone_hidden_sizes=sizes, ple_levels=levels, ple_shared_experts=5, ple_specific_experts=3
    )
    layer = make_ple(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks) == ("backbone", 2)
    assert (layer.shared_experts, layer.specific_experts) == (5, 3)
    assert layer.level_hidden_sizes == expected
    assert layer.tower_hidden_sizes == (3,)


def test_bad_settings_are_refused():
    for name in ("ple_levels", "ple_shared_experts", "ple_specific_experts"):
        with pytest.raises(SettingsError, match=rf"`{name}` must be at least 1\. .*=0"):
            PleSettings(**{name: 0})
    settings = PleSettings(ple_levels=3)
    with pytest.raises(SettingsError, match=r"`ple_levels` must be at most .* is 2\. .*=3"):
        make_ple(settings, 2, "backbone")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_tasks": 0}, r"`num_tasks` must be.*=0"),
        ({"tower_hidden_sizes": (0,)}, r"`tower_hidden_sizes` must hold.*\(0,\)"),
        ({"specific_experts": 0}, r"`specific_experts` must be.*=0"),
        ({"shared_experts": 0}, r"`shared_experts` must be.*=0"),
        ({"level_hidden_sizes": ()}, r"`level_hidden_sizes` must hold at least one.*\(\)"),
        ({"level_hidden_sizes": ((3,), ())}, r"`level_hidden_sizes` must hold.*\(\(3,\), \(\)\)"),
        ({"level_hidden_sizes": ((0,),)}, r"`level_hidden_sizes` must hold.*\(0,\)"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Ple(**{**ARGUMENTS, **changes})
