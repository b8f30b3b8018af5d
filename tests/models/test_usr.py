"""USR: what its networks read and predict, what gradients reach, what settings it refuses."""

import dataclasses

import keras
import numpy as np
import pytest

from ranking.models.usr_settings import UsrSettings
from tests.helpers.model_spec import (
    encoded_batch,
    recommendation_spec,
    scenario_spec,
    search_spec,
    with_garbage,
)
from tests.helpers.network_checks import gradients, small_networks, train_outputs
from tests.helpers.usr_oracle import UsrOracle

SMALL = {
    "embedding_size": 6,
    "sequence_heads": 3,
    "feature_size": 5,
    "generator_hidden_sizes": (7,),
    "backbone_hidden_sizes": (7, 5, 3),
    "main_hidden_sizes": (5, 3),
    "backbone": "shared_bottom",
}
OWN_GENERATORS = {"feature_generator": False, "generator_sharing": "per_view"}
WITHOUT_VIEWS = {"interest_extractor": False, "feature_generator": False}


def _networks(spec=None, **settings):
    return small_networks("usr", spec or scenario_spec(), UsrSettings(**{**SMALL, **settings}))


def _places(batch):
    return [(b, c) for b, length in enumerate(batch["candidates_length"]) for c in range(length)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"append_item": False},
        {"interest_extractor": False},
        {"feature_generator": False},
        {"conditional_heads": "per_scenario_task"},
        {"sequence_output": "mean", "trigger": ("view", "scenario_features")},
    ],
    ids=str,
)
def test_probabilities_match_loops_over_the_formulas(settings):
    spec = scenario_spec()
    batch = encoded_batch(spec)
    networks = _networks(spec, **settings)
    outputs = train_outputs(networks, with_garbage(spec, batch))
    oracle = UsrOracle(spec, networks, batch)
    append = settings.get("append_item", True)
    for b, c in _places(batch):
        main = oracle.main_input(b, c, append=append)
        np.testing.assert_allclose(oracle.found["main.dropout"][b, c], main, 2e-4, 1e-5)
        auxiliary = oracle.auxiliary_input(b, c, append=append)
        np.testing.assert_allclose(oracle.found["backbone.dropout"][b, c], auxiliary, 2e-4, 1e-5)
        for number, task in enumerate(("click", "order")):
            p_global, p = oracle.probabilities(b, c, number)
            found = outputs[f"global_logits_{task}"][b, c], outputs[f"logits_{task}"][b, c]
            expected = np.log(p_global / (1 - p_global)), np.log(p / (1 - p))
            np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5)


def test_without_global_labels_the_backbone_reads_the_main_input():
    spec = search_spec(scenario="grade", scenario_features=("spend",))
    batch = encoded_batch(spec)
    networks = _networks(spec, global_label=False)
    oracle = UsrOracle(spec, networks, batch)
    logits = train_outputs(networks, batch)["logits_order"]
    for b, c in _places(batch):
        main = oracle.main_input(b, c)
        np.testing.assert_allclose(oracle.found["backbone.dropout"][b, c], main, 2e-4, 1e-5)
        np.testing.assert_allclose(logits[b, c], oracle.found["backbone"][b, c, 1], 1e-5)
    assert networks.label_keys == ()
    assert not any(term.name.startswith("global") for term in networks.losses)


def test_a_scenario_is_never_likelier_than_all_together():
    batch = encoded_batch(scenario_spec(), sessions=97, candidates=11)
    networks = _networks()
    for variable in networks.training.trainable_variables:
        variable.assign(8 * variable.value)  # Logits far out, where rounding would show.
    outputs = train_outputs(networks, batch)
    scores = networks.score({t.name: batch[t.name] for t in networks.score.inputs})
    valid = np.arange(11) < batch["candidates_length"][:, None]
    for task in networks.tasks:
        p_global = np.asarray(keras.ops.sigmoid(outputs[f"global_logits_{task}"]))
        p = np.asarray(scores[task])
        assert np.isfinite(outputs[f"logits_{task}"][valid]).all()
        assert (p <= p_global)[valid].all()
        assert np.ptp(p_global[valid]) > 0.9
        assert (p[~valid] == 0).all()


def test_padding_content_never_matters():
    spec = scenario_spec()
    clean, dirty = encoded_batch(spec), with_garbage(spec, encoded_batch(spec))
    first, second = train_outputs(_networks(), clean), train_outputs(_networks(), dirty)
    valid = np.arange(3) < clean["candidates_length"][:, None]
    for name in ("logits_click", "global_logits_order", "interests", "features"):
        np.testing.assert_array_equal(first[name][valid], second[name][valid], err_msg=name)
    # Rows that are contrasted are drawn anew in every call, so each batch gets its own networks.
    found = [gradients(_networks(), batch) for batch in (clean, dirty)]
    # Layers inside of layers are numbered through, so paths differ between networks.
    for (path, gradient), other in zip(found[0].items(), found[1].values(), strict=True):
        np.testing.assert_array_equal(gradient, other, err_msg=path)


@pytest.mark.parametrize("backbone", ["shared_bottom", "mmoe", "ple", "star", "m2m", "aw_moe"])
def test_gradients_reach_every_weight(backbone):
    spec = scenario_spec()
    networks = _networks(backbone=backbone)
    for path, gradient in gradients(networks, encoded_batch(spec, sessions=23)).items():
        assert gradient is not None and np.isfinite(gradient).all(), path
        assert np.abs(gradient).sum() > 0, path


def _gradient_sizes(networks, losses):
    """Sum of absolute gradients by path, of some of the terms of the loss."""
    chosen = tuple(term for term in networks.losses if term.name in losses)
    assert {term.name for term in chosen} == losses
    networks = dataclasses.replace(networks, losses=chosen)
    found = gradients(networks, encoded_batch(scenario_spec(), sessions=23))
    return {p: 0.0 if g is None else float(np.abs(g).sum()) for p, g in found.items()}


def test_the_interest_contrast_reaches_interest_and_trigger_but_no_head():
    sizes = _gradient_sizes(_networks(), {"interest_contrast"})
    reached = {path for path, size in sizes.items() if size > 0}
    assert any(path.startswith("interest_extractor") for path in reached)
    assert any(path.startswith("scenario.views") for path in reached)
    assert any(path.startswith("sequence.encoder") for path in reached)
    for prefix in ("main", "backbone", "feature_generator", "features."):
        assert not any(path.startswith(prefix) for path in reached), prefix


def test_the_condition_leaves_the_user_as_it_is():
    # All of the interest's gradient comes through the product: with the input stopped as well,
    # none would be left for the encoder.
    for stop, is_reached in (("user", True), ("condition", True), ("input", True)):
        sizes = _gradient_sizes(
            _networks(condition_stop_gradient=stop, trigger=("view",)), {"interest_contrast"}
        )
        assert (sizes["scenario.views/dense/kernel"] > 0) == (stop != "condition")
        encoder = sum(size for path, size in sizes.items() if path.startswith("sequence.encoder"))
        assert (encoder > 0) == is_reached


def test_global_labels_teach_the_backbone_and_no_main_network():
    sizes = _gradient_sizes(_networks(), {"global_click", "global_order"})
    assert not any(size for path, size in sizes.items() if path.startswith("main"))
    assert any(size for path, size in sizes.items() if path.startswith("backbone"))


def test_views_that_are_left_out_leave_no_term():
    names = {term.name for term in _networks(**WITHOUT_VIEWS).losses}
    assert names == {"ranking_click", "ranking_order", "global_click", "global_order"}
    assert "interests" not in _networks(**WITHOUT_VIEWS).training.output


def test_weights_of_the_terms():
    settings = {"contrastive_weight": 0.3, "feature_contrastive_weight": 0.2, "auxiliary_weight": 2}
    weights = {term.name: term.weight for term in _networks(**settings).losses}
    assert weights == {
        "ranking_click": 1.0,
        "ranking_order": 1.0,
        "global_click": 2,
        "global_order": 2,
        "interest_variance": 0.0,
        "interest_contrast": 0.3,
        "feature_variance": 0.0,
        "feature_contrast": 0.2,
    }


def test_no_contrast_with_a_weight_of_zero():
    names = {term.name for term in _networks(contrastive_weight=0.0).losses}
    assert not any(name.endswith("contrast") for name in names)


def test_the_loss_reads_global_labels():
    networks, batch = _networks(), encoded_batch(scenario_spec())
    assert networks.label_keys == ("labels_click_global", "labels_order_global")
    outputs = train_outputs(networks, batch)
    term = next(term for term in networks.losses if term.name == "global_order")
    total, count = term.function(outputs, batch)
    expected = 0.0
    for b, c in _places(batch):
        logit, label = outputs["global_logits_order"][b, c], batch["labels_order_global"][b, c]
        expected += np.log1p(np.exp(-logit)) if label else np.log1p(np.exp(logit))
    np.testing.assert_allclose([float(total), float(count)], [expected, len(_places(batch))], 1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trigger": ()}, "`trigger` must be split, or some of"),
        ({"trigger": ("view", "view")}, "`trigger` must be"),
        ({"trigger": ("split", "view")}, "`trigger` must be"),
        ({"trigger": ("query", "item")}, "`trigger` must be split, or have view among its parts"),
        ({"trigger": ("scenario_features",), "feature_generator": False}, "or have view among"),
        ({"trigger": ("item",), "generator_sharing": "per_view"}, "or have view among its parts"),
        ({"temperature": 0.0}, "`temperature` must be above 0"),
        ({"contrastive_rows": 1}, "`contrastive_rows` must be 2 or more"),
        ({"feature_contrastive_weight": -1.0}, "`feature_contrastive_weight` must be at least 0"),
        ({"auxiliary_weight": -1.0}, "`auxiliary_weight` must be at least 0"),
        ({"sequence_heads": 5}, "`sequence_heads` must be a divisor of `embedding_size`, 32"),
        ({"sequence_time": "days_ago"}, "`sequence_time` must be given where"),
        ({"ple_levels": 3}, "`ple_levels` must be 2, because backbone star is not ple"),
        ({"backbone": "din"}, "`backbone` must be one of"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        UsrSettings(**settings)


@pytest.mark.parametrize("others", [OWN_GENERATORS, WITHOUT_VIEWS], ids=str)
def test_a_trigger_without_view_is_taken_where_views_differ_or_are_none(others):
    assert UsrSettings(trigger=("query", "item"), **others).trigger == ("query", "item")


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        (recommendation_spec(), {}, "must have global labels"),
        (recommendation_spec(), {"global_label": False}, "must name the session field of the scen"),
        (scenario_spec(), {"trigger": ("split",)}, "lists no scenario called search"),
        (
            scenario_spec(query=()),
            {"trigger": ("query",), **OWN_GENERATORS},
            "`trigger` must be some parts beside query, because spec `model_search` has no query",
        ),
        (
            scenario_spec(),
            {"sequence_position": "time_difference", "sequence_time": "action"},
            "`sequence_time` must be a number among the behavior fields",
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_specs_that_lack_something_are_refused(spec, settings, message):
    with pytest.raises(ValueError, match=message):
        _networks(spec, **settings)
