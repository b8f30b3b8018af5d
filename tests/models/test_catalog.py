import typing

import pytest

from ranking.models.catalog import MODELS, build, model_entry
from ranking.models.din import DinSettings
from ranking.models.dnn import DnnSettings
from ranking.models.multi_scenario_settings import MultiScenarioSettings
from ranking.settings_parser import SettingsError, apply_overrides
from tests.helpers.model_spec import scenario_spec, search_spec
from tests.helpers.setting_cases import CASES, settings_of


def test_every_model_builds_from_its_default_settings():
    for name, entry in MODELS.items():
        networks = build(name, scenario_spec(), entry.settings_class())
        is_of_scenarios = issubclass(entry.settings_class, MultiScenarioSettings)
        assert networks.tasks == (("click", "order") if is_of_scenarios else ("click",))
        assert set(networks.score.output) == set(networks.tasks)
        assert {f"logits_{task}" for task in networks.tasks} <= set(networks.training.output)
        assert entry.summary


@pytest.mark.parametrize(("model", "kind", "name"), settings_of(*MODELS))
def test_every_setting_can_be_given_as_text(model, kind, name):
    case = CASES[kind][name]
    chosen = {**dict(case.beside), **dict(case.together), name: case.value}
    texts = {key: _as_typed(value) for key, value in chosen.items()}
    settings = apply_overrides(MODELS[model].settings_class(), texts)
    assert {key: getattr(settings, key) for key in chosen} == chosen


@pytest.mark.parametrize(("model", "kind", "name"), settings_of(*MODELS))
def test_what_may_be_missing_is_given_as_none(model, kind, name):
    settings_class = MODELS[model].settings_class
    if type(None) in typing.get_args(typing.get_type_hints(settings_class)[name]):
        assert getattr(apply_overrides(settings_class(), {name: "none"}), name) is None


def _as_typed(value):
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_a_misspelled_setting_is_answered_with_its_name():
    with pytest.raises(SettingsError, match="Did you mean `hidden_size`"):
        apply_overrides(DnnSettings(), {"hiden_size": "3"})


def test_an_unknown_model_is_answered_with_near_names():
    with pytest.raises(ValueError, match="no model `aw_mo`. Did you mean `aw_moe`"):
        model_entry("aw_mo")


def test_settings_of_another_model_are_refused():
    with pytest.raises(ValueError, match="`dnn` must be DnnSettings. Received: DinSettings"):
        build("dnn", search_spec(), DinSettings())
