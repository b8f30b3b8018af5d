import numpy as np
import pytest

from ranking.models.category_moe import CategoryMoeSettings
from ranking.settings_parser import SettingsError
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import (
    encoded_batch,
    hierarchy_spec,
    recommendation_spec,
    search_spec,
    with_garbage,
)
from tests.helpers.network_checks import gradients, scores, small_networks, train_outputs

SETTINGS = {
    "hidden_size": 5,
    "activation_hidden_sizes": (3,),
    "experts": 3,
    "expert_hidden_sizes": (7, 2),
}


@pytest.fixture(scope="module")
def networks():
    return small_networks("category_moe", search_spec(), CategoryMoeSettings(**SETTINGS))


@pytest.mark.parametrize(
    "spec", [search_spec(), recommendation_spec(category="category")], ids=lambda spec: spec.name
)
def test_logits_match_loops_over_the_formula(spec):
    batch = encoded_batch(spec)
    networks = small_networks("category_moe", spec, CategoryMoeSettings(**SETTINGS))
    logits = train_outputs(networks, with_garbage(spec, batch))[f"logits_{spec.tasks[0]}"]
    oracle = ModelOracle(spec, networks, batch)
    for session, length in enumerate(batch["candidates_length"]):
        for candidate in range(length):
            expected = oracle.logits(session, candidate, "category_moe")
            np.testing.assert_allclose(logits[session, candidate], expected, rtol=2e-4, atol=1e-5)


def test_padding_content_never_matters(networks):
    spec = search_spec()
    clean, dirty = encoded_batch(spec), with_garbage(spec, encoded_batch(spec))
    assert scores(networks, dirty).tobytes() == scores(networks, clean).tobytes()
    expected = gradients(networks, clean)
    for path, gradient in gradients(networks, dirty).items():
        np.testing.assert_array_equal(gradient, expected[path], err_msg=path)


def test_gradients_reach_every_weight(networks):
    for path, gradient in gradients(networks, encoded_batch(search_spec())).items():
        assert gradient is not None and np.abs(gradient).sum() > 0, path


def test_the_training_network_shows_the_gate(networks):
    spec, batch = search_spec(), encoded_batch(search_spec())
    gate, oracle = train_outputs(networks, batch)["gate"], ModelOracle(spec, networks, batch)
    assert gate.shape == (5, 3, 3)
    for session, length in enumerate(batch["candidates_length"]):
        for candidate in range(length):
            expected = oracle.category_gate(session, candidate)
            np.testing.assert_allclose(gate[session, candidate], expected, rtol=1e-5)


def test_a_hierarchy_needs_its_parent_category():
    with pytest.raises(SettingsError, match="`hsc_weight` must be 0.*`roles: parent_category`"):
        small_networks("category_moe", search_spec(), CategoryMoeSettings(hsc_weight=0.1))


def test_one_gate_for_both_levels_needs_vectors_of_one_width():
    spec = hierarchy_spec(parent_category="item")  # 5 wide, where the category is 3 wide.
    settings = CategoryMoeSettings(hsc_weight=0.1, top_category_gate="shared")
    with pytest.raises(SettingsError, match="`top_category_gate` must be separate.* 3 and 5"):
        small_networks("category_moe", spec, settings)


def test_a_parent_category_alone_changes_nothing():
    spec, batch = hierarchy_spec(), encoded_batch(hierarchy_spec())
    without = hierarchy_spec(parent_category=None)
    found = [
        scores(small_networks("category_moe", each, CategoryMoeSettings(**SETTINGS)), batch)
        for each in (spec, without)
    ]
    np.testing.assert_array_equal(*found)


def test_there_is_no_gate_and_the_reason_is_given(networks):
    assert networks.gate is None
    assert "category of the item" in networks.gate_refusal


def test_a_spec_without_category_is_refused():
    with pytest.raises(ValueError, match="`model_search` must name .* `roles: category`"):
        small_networks("category_moe", search_spec(category=None), CategoryMoeSettings())


@pytest.mark.parametrize(("name", "value"), [("experts", 0), ("expert_hidden_sizes", (3, 0))])
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        CategoryMoeSettings(**{name: value})
