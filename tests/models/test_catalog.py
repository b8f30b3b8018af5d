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
    sparse = {"gate_normalization": "softmax", "gate_top_k": "2", "category_top_k": "2"}
    for entry in MODELS.values():
        names = {field.name for field in dataclasses.fields(entry.settings_class)}
        chosen = {name: text for name, text in sparse.items() if name in names}
        settings = apply_overrides(entry.settings_class(), chosen)
        for name in names:
            value = getattr(settings, name)
            text = texts.get(type(value), "5,3")
            text = value if isinstance(value, str) and value else text
            changed = apply_overrides(settings, {name: text})
            assert type(getattr(changed, name)) is type(value)
        for name in chosen.keys() & {"gate_top_k", "category_top_k"}:
            assert getattr(apply_overrides(settings, {name: "none"}), name) is None


def test_a_misspelled_setting_is_answered_with_its_name():
    with pytest.raises(SettingsError, match="Did you mean `hidden_size`"):
        apply_overrides(DnnSettings(), {"hiden_size": "3"})


def test_an_unknown_model_is_answered_with_near_names():
    with pytest.raises(ValueError, match="no model `aw_mo`. Did you mean `aw_moe`"):
        model_entry("aw_mo")


def test_settings_of_another_model_are_refused():
    with pytest.raises(ValueError, match="`dnn` must be DnnSettings. Received: DinSettings"):
        build("dnn", search_spec(), DinSettings())
