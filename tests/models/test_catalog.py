import dataclasses

import pytest

from ranking.models.catalog import MODELS, build, model_entry
from ranking.models.din import DinSettings
from ranking.models.dnn import DnnSettings
from ranking.settings_parser import SettingsError, apply_overrides
from tests.helpers.model_spec import search_spec


def test_every_model_builds_from_its_default_settings():
    for name, entry in MODELS.items():
        networks = build(name, search_spec(), entry.settings_class())
        assert networks.tasks == ("click",)
        assert set(networks.score.output) == {"click"}
        assert "logits_click" in networks.training.output
        assert entry.summary


def test_every_setting_can_be_given_as_text():
    texts = {bool: "true", int: "3", float: "0.5", str: "order"}
    for entry in MODELS.values():
        settings = entry.settings_class()
        for field in dataclasses.fields(settings):
            value = getattr(settings, field.name)
            text = texts.get(type(value), "5,3" if isinstance(value, tuple) else value)
            text = value if isinstance(value, str) and value else text
            changed = apply_overrides(settings, {field.name: text})
            assert type(getattr(changed, field.name)) is type(value)


def test_a_misspelled_setting_is_answered_with_its_name():
    with pytest.raises(SettingsError, match="Did you mean `hidden_size`"):
        apply_overrides(DnnSettings(), {"hiden_size": "3"})


def test_an_unknown_model_is_answered_with_near_names():
    with pytest.raises(ValueError, match="no model `aw_mo`. Did you mean `aw_moe`"):
        model_entry("aw_mo")


def test_settings_of_another_model_are_refused():
    with pytest.raises(ValueError, match="`dnn` must be DnnSettings. Received: DinSettings"):
        build("dnn", search_spec(), DinSettings())
