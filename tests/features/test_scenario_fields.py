import dataclasses

from ranking.features.scenario_fields import agnostic_fields, scenario_fields
from ranking.features.spec_reader import parse_spec
from tests.helpers.whole_spec import WHOLE, edited


def _keys(fields):
    return [field.key for field in fields]


def test_inputs_are_told_apart():
    text = edited("[day, kind]", "[day, kind]\n  scenario_features: [candidates_score, age]")
    spec = parse_spec(text, "whole.yaml")
    assert _keys(scenario_fields(spec)) == ["kind", "candidates_score", "age"]
    assert _keys(agnostic_fields(spec)) == ["day", "candidates_level", "candidates_price"]


def test_a_scenario_belongs_to_itself_without_more_features():
    spec = parse_spec(WHOLE, "whole.yaml")
    assert _keys(scenario_fields(spec)) == ["kind"]
    expected = ["age", "day", "candidates_level", "candidates_price", "candidates_score"]
    assert _keys(agnostic_fields(spec)) == expected


def test_every_input_without_a_scenario_is_agnostic():
    spec = parse_spec(WHOLE, "whole.yaml")
    spec = dataclasses.replace(spec, roles=dataclasses.replace(spec.roles, scenario=None))
    assert scenario_fields(spec) == ()
    assert "kind" in _keys(agnostic_fields(spec))
