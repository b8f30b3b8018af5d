"""Backbones by themselves as models: what they read, predict and refuse."""

import dataclasses

import numpy as np
import pytest

from ranking.features.spec import Table
from ranking.models.catalog import MODELS
from tests.helpers.model_spec import encoded_batch, recommendation_spec, scenario_spec, with_garbage
from tests.helpers.network_checks import gradients, small_networks, train_outputs
from tests.helpers.usr_oracle import UsrOracle

NAMES = ("shared_bottom", "mmoe", "ple", "star", "m2m", "apg", "aw_moe_backbone")
SMALL = {
    "embedding_size": 6,
    "sequence_heads": 3,
    "feature_size": 5,
    "backbone_hidden_sizes": (7, 5, 3),
}


def _networks(name="shared_bottom", spec=None, **settings):
    settings_class = MODELS[name].settings_class
    return small_networks(name, spec or scenario_spec(), settings_class(**{**SMALL, **settings}))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"append_item": False},
        {"sequence_output": "concat"},
        {"sequence_position": "time_difference", "sequence_time": "days_ago"},
    ],
    ids=str,
)
def test_backbones_read_what_base_models_read(settings):
    spec = scenario_spec()
    batch = encoded_batch(spec)
    networks = _networks(**settings)
    outputs = train_outputs(networks, with_garbage(spec, batch))
    oracle = UsrOracle(spec, networks, batch)
    if settings.get("sequence_output") == "concat":
        oracle.found["sequence.encoder"] = oracle.joined_sequence()
    for b, length in enumerate(batch["candidates_length"]):
        for c in range(length):
            expected = oracle.base_input(b, c, append=settings.get("append_item", True))
            np.testing.assert_allclose(oracle.found["backbone.dropout"][b, c], expected, 2e-4, 1e-5)
            for number, task in enumerate(("click", "order")):
                logit = oracle.found["backbone"][b, c, number]
                np.testing.assert_allclose(outputs[f"logits_{task}"][b, c], logit, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_padding_content_never_matters(name):
    spec = scenario_spec()
    clean, dirty = encoded_batch(spec), with_garbage(spec, encoded_batch(spec))
    networks = _networks(name)
    first, second = gradients(networks, clean), gradients(networks, dirty)
    for path, gradient in first.items():
        np.testing.assert_array_equal(gradient, second[path], err_msg=path)
    assert all(np.isfinite(gradient).all() for gradient in first.values())


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_differ_and_an_unknown_one_is_scored(name):
    spec = scenario_spec()
    batch = encoded_batch(spec)
    networks = _networks(name)
    found = []
    for scenario in (2, 3, 1):
        batch["grade"] = np.full_like(batch["grade"], scenario)
        found.append(train_outputs(networks, batch)["logits_click"][0])
    assert np.isfinite(found).all()
    assert not np.allclose(found[0], found[1], atol=1e-5)


def test_each_scenario_may_count_the_same():
    names = [term.name for term in _networks(scenario_balanced=True).losses]
    assert names == [
        f"ranking_{task}_{scenario}" for task in ("click", "order") for scenario in (2, 3, 4)
    ]


def test_one_task_may_be_chosen():
    networks = _networks(tasks=("order",))
    assert networks.tasks == ("order",)
    assert set(networks.score.output) == {"order"}


def test_a_spec_without_scenario_is_refused():
    with pytest.raises(ValueError, match="must name the session field of the scenario"):
        _networks(spec=recommendation_spec())


def test_a_scenario_without_query_or_features_is_enough():
    spec = recommendation_spec()
    table = Table("surface", 2, "values", values=("home", "cart"))
    field = dataclasses.replace(
        spec.session[0], name="surface", kind="id", dtype="string", table="surface"
    )
    spec = dataclasses.replace(
        spec,
        tables={**spec.tables, "surface": table},
        session=(*spec.session, field),
        roles=dataclasses.replace(spec.roles, scenario="surface"),
    )
    networks = _networks("m2m", spec)
    outputs = train_outputs(networks, encoded_batch(spec))
    assert outputs["logits_purchase"].shape == (5, 3)
