"""The cut between session and candidates: two networks that are one."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from ranking.export.session_split import SessionSplit, split_by_session
from ranking.features.inputs import input_keys, keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.layers.length_mask import LengthMask
from ranking.models.catalog import MODELS, build
from tests.helpers.model_spec import (
    encoded_batch,
    inputs_of,
    recommendation_spec,
    scenario_spec,
    search_spec,
    with_garbage,
)

SPEC = search_spec()
EXPECTED: dict[str, set[str]] = {
    "dnn": {"state_input_network_pooling"},
    "din": {"state_input_network_item", "state_behaviors_length"},
    "category_moe": {"state_input_network_item", "state_behaviors_length"},
    "aw_moe": {"state_input_network_item", "state_behaviors_length", "gate"},
}
OF_ALL = {"state_session", "state_input_network_query"}


def _network(model: str, spec: FeatureSpec = SPEC, **settings: Any) -> keras.Model:
    keras.utils.set_random_seed(5)
    return build(model, spec, MODELS[model].settings_class(**settings)).score


def _batch(spec: FeatureSpec, network: keras.Model) -> dict[str, Any]:
    batch = with_garbage(spec, encoded_batch(spec, behaviors=5, candidates=3))
    for tensor in network.inputs:
        if tensor.name == "gate":
            gate = np.random.default_rng(3).normal(size=(5, tensor.shape[-1]))
            batch["gate"] = gate.astype(np.float32)
    return batch


def _arrays(tensors: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: ops.convert_to_numpy(value) for name, value in tensors.items()}


def _state(split: SessionSplit, batch: dict[str, Any]) -> dict[str, np.ndarray]:
    return _arrays(split.state(inputs_of(split.state, batch), training=False))


def _scores(split: SessionSplit, batch: dict[str, Any], state: dict[str, Any]) -> Any:
    return _arrays(split.score(inputs_of(split.score, {**batch, **state}), training=False))


@pytest.mark.parametrize("model", EXPECTED)
def test_both_halves_score_as_the_whole(model: str) -> None:
    network = _network(model)
    split = split_by_session(SPEC, network)
    batch = _batch(SPEC, network)
    whole = _arrays(network(inputs_of(network, batch), training=False))
    found = _scores(split, batch, _state(split, batch))
    assert set(found) == set(whole) == {"click"}
    np.testing.assert_array_equal(found["click"], whole["click"])
    assert np.isfinite(found["click"]).all() and np.unique(found["click"]).size > 5


@pytest.mark.parametrize("model", EXPECTED)
def test_halves_read_what_is_theirs(model: str) -> None:
    split = split_by_session(SPEC, _network(model))
    session = {tensor.name for tensor in split.state.inputs}
    assert session <= set(input_keys(SPEC, (SESSION, BEHAVIORS))) | {"gate"}
    state = split.state.output
    assert set(state) == EXPECTED[model] | OF_ALL
    candidates = {tensor.name for tensor in split.score.inputs} - set(state)
    assert candidates == set(input_keys(SPEC, (CANDIDATES,)))
    for tensor in state.values():
        assert tensor.dtype in ("float32", "int32") and tensor.shape[0] is None


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(set(MODELS) - set(EXPECTED)))
def test_models_of_several_scenarios_are_cut_as_they_are(model: str) -> None:
    spec = scenario_spec()
    network = _network(model, spec)
    split = split_by_session(spec, network)
    batch = _batch(spec, network)
    whole = _arrays(network(inputs_of(network, batch), training=False))
    found = _scores(split, batch, _state(split, batch))
    assert set(found) == set(whole) == {"click", "order"}
    for task, values in whole.items():
        np.testing.assert_array_equal(found[task], values)
        assert np.isfinite(values).all()
    assert "state_behaviors_length" in split.state.output
    assert all(tensor.dtype != "bool" for tensor in split.state.output.values())


@pytest.mark.parametrize("model", ["din", "aw_moe"])
def test_names_and_order_do_not_depend_on_what_was_built_before(model: str) -> None:
    first = split_by_session(SPEC, _network(model)).state.output
    _network("dnn")
    second = split_by_session(SPEC, _network(model)).state.output
    assert list(first) == list(second)
    assert [t.shape for t in first.values()] == [t.shape for t in second.values()]


def test_a_state_that_a_server_padded_scores_the_same() -> None:
    network = _network("aw_moe")
    split = split_by_session(SPEC, network)
    batch = _batch(SPEC, network)
    state = _state(split, batch)
    padded = dict(state)
    item = state["state_input_network_item"]
    more = np.full((len(item), 2, item.shape[2]), item.flat[0] + 7.0, item.dtype)
    padded["state_input_network_item"] = np.concatenate([item, more], axis=1)
    np.testing.assert_allclose(
        _scores(split, batch, padded)["click"], _scores(split, batch, state)["click"], atol=1e-6
    )


def test_a_spec_without_query_and_session_fields_has_a_state() -> None:
    spec = recommendation_spec()
    network = _network("aw_moe", spec)
    split = split_by_session(spec, network)
    assert set(split.state.output) == {
        "state_behaviors_length",
        "state_input_network_item",
        "state_gate_network_item",  # The gate reads the target item and is no part of the state.
    }
    batch = _batch(spec, network)
    np.testing.assert_array_equal(
        _scores(split, batch, _state(split, batch))["purchase"],
        ops.convert_to_numpy(network(inputs_of(network, batch), training=False)["purchase"]),
    )


def test_masks_in_any_form_are_made_anew_from_lengths() -> None:
    inputs = keras_inputs(SPEC, (SESSION, BEHAVIORS, CANDIDATES))
    days, length = inputs["behaviors_days_ago"], inputs["behaviors_length"]
    mask = LengthMask()(length, days)
    shares = ops.cast(mask, "float32")[:, None, :]  # A mask that is none by its type.
    near = ops.abs(days[:, None, :] - inputs["candidates_price"][:, :, None])
    score = ops.sum(ops.where(mask[:, None, :], near, 0.0) * shares, axis=-1)
    network = keras.Model(inputs, {"click": score})
    split = split_by_session(SPEC, network)
    assert set(split.state.output) == {"state_behaviors_days_ago", "state_behaviors_length"}
    batch = _batch(SPEC, network)
    batch["behaviors_days_ago"] = np.nan_to_num(batch["behaviors_days_ago"])
    batch["candidates_price"] = np.nan_to_num(batch["candidates_price"])
    whole = ops.convert_to_numpy(network(inputs_of(network, batch))["click"])
    np.testing.assert_array_equal(_scores(split, batch, _state(split, batch))["click"], whole)
    assert (whole > 0).any()


def test_two_tensors_of_one_layer_have_two_names() -> None:
    inputs = keras_inputs(SPEC, (SESSION, BEHAVIORS, CANDIDATES))
    layer = keras.layers.Dense(3, name="part.hidden")
    hidden = layer(inputs["spend"][:, None])
    twice = layer(hidden[:, :1])
    price = inputs["candidates_price"]
    outputs = {
        "click": price * hidden[:, :1],
        "order": price * twice[:, 1:2],
        "like": price * ops.sum(hidden * twice, axis=-1, keepdims=True),  # Of no layer alone.
    }
    names = set(split_by_session(SPEC, keras.Model(inputs, outputs)).state.output)
    assert names == {"state_part_hidden", "state_part_hidden_2", "state_session"}
