import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features.inputs import input_keys
from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import (
    encoded_batch,
    inputs_of,
    recommendation_spec,
    search_spec,
    with_garbage,
)
from tests.helpers.network_checks import (
    gradients,
    scores,
    small_networks,
    train_outputs,
)

SETTINGS = {
    "hidden_size": 5,
    "activation_hidden_sizes": (3,),
    "gate_hidden_sizes": (7, 2),
    "experts": 3,
    "expert_hidden_sizes": (7, 2),
}
FORMS = {
    "query": (search_spec(), "query"),
    "target": (search_spec(), "target"),
    "no query": (recommendation_spec(), "auto"),
}


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    spec, context = FORMS[request.param]
    return spec, small_networks("aw_moe", spec, AwMoeSettings(**SETTINGS, gate_context=context))


@pytest.fixture(scope="module")
def search():
    return small_networks("aw_moe", search_spec(), AwMoeSettings(**SETTINGS))


def test_everything_matches_loops_over_the_formula(form):
    spec, networks = form
    batch = encoded_batch(spec)
    outputs = train_outputs(networks, with_garbage(spec, batch))
    oracle = ModelOracle(spec, networks, batch)
    for session, length in enumerate(batch["candidates_length"]):
        for candidate in range(length):
            per_session = networks.gate is not None
            gate = oracle.gate(session, None if per_session else candidate)
            found = outputs["gate"][session] if per_session else outputs["gate"][session, candidate]
            np.testing.assert_allclose(found, gate, rtol=2e-4, atol=1e-5)
            expert_scores = oracle.expert_scores(oracle.impression(session, candidate, "aw_moe"))
            logit = outputs[f"logits_{spec.tasks[0]}"][session, candidate]
            expected = sum(gate[k] * expert_scores[k] for k in range(3))
            np.testing.assert_allclose(logit, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("gate_unit", [False, True])
@pytest.mark.parametrize("activation_unit", [False, True])
def test_the_gate_of_every_ablation_matches_loops(gate_unit, activation_unit):
    spec, batch = search_spec(), encoded_batch(search_spec())
    settings = AwMoeSettings(**SETTINGS, gate_unit=gate_unit, gate_activation_unit=activation_unit)
    networks = small_networks("aw_moe", spec, settings)
    found = networks.gate(inputs_of(networks.gate, with_garbage(spec, batch)))["gate"]
    oracle = ModelOracle(spec, networks, batch)
    for unit, present in (("gate_unit", gate_unit), ("activation_unit", activation_unit)):
        assert bool(oracle.dense_layers(f"gate_network.gate/{unit}")) == present
    for session in range(4):  # The last one is padding.
        np.testing.assert_allclose(found[session], oracle.gate(session, None), rtol=2e-4, atol=1e-5)


def test_the_gates_activation_unit_has_the_structure_of_the_other_one(search):
    gate = search.training.get_layer("gate_network.gate")
    pooling = search.training.get_layer("input_network.attention")
    shapes = [
        [weight.shape for weight in unit.weights]
        for unit in (gate.activation_unit, pooling.activation_unit)
    ]
    assert shapes[0] == shapes[1]
    assert gate.gate_unit.hidden_sizes == (7, 2) != gate.activation_unit.hidden_sizes


def test_scores_come_from_the_logits_through_any_gate(form):
    spec, networks = form
    batch = encoded_batch(spec)
    logits = train_outputs(networks, batch)[f"logits_{spec.tasks[0]}"]
    real = np.arange(3) < batch["candidates_length"][:, None]
    probabilities = scores(networks, batch)
    assert (probabilities[~real] == 0).all()
    np.testing.assert_array_equal(probabilities[real], keras.ops.sigmoid(logits)[real])


def test_the_gate_is_an_input_of_the_score(search):
    batch = encoded_batch(search_spec())
    some, others = (
        search.score(inputs_of(search.score, batch | {"gate": np.full((5, 3), value, "float32")}))
        for value in (0.1, 0.7)
    )
    assert np.abs(some["click"] - others["click"])[0].min() > 0


def test_the_gate_network_takes_session_and_behaviors_alone(search):
    names = {tensor.name for tensor in search.gate.inputs}
    assert names == set(input_keys(search_spec(), ("session", "behaviors")))
    assert search.gate_refusal is None


def test_without_a_query_the_gate_reads_the_target_and_says_so():
    networks = small_networks("aw_moe", recommendation_spec(), AwMoeSettings(**SETTINGS))
    assert networks.gate is None
    assert "reads the target item" in networks.gate_refusal and networks.gate_refusal.endswith(".")
    assert "gate" not in {tensor.name for tensor in networks.score.inputs}


def test_the_networks_share_their_weights(search):
    training = {id(variable) for variable in search.training.variables}
    for network in (search.score, search.gate):
        assert {id(variable) for variable in network.variables} <= training
    trained = {id(variable) for variable in search.training.trainable_variables}
    served = search.score.trainable_variables + search.gate.trainable_variables
    assert {id(variable) for variable in served} == trained


@pytest.mark.parametrize("spec", [search_spec(), recommendation_spec()], ids=lambda spec: spec.name)
def test_a_new_model_ranks_for_an_empty_history(spec):
    keras.utils.set_random_seed(7)
    found = scores(build("aw_moe", spec, AwMoeSettings()), encoded_batch(spec, behaviors=0))
    assert len(set(found[0])) == 3


def test_padding_content_never_matters(form):
    spec, networks = form
    clean, dirty = encoded_batch(spec), with_garbage(spec, encoded_batch(spec))
    assert scores(networks, dirty).tobytes() == scores(networks, clean).tobytes()


def test_padding_content_never_matters_to_gradients(form):
    spec, networks = form
    clean, dirty = encoded_batch(spec), with_garbage(spec, encoded_batch(spec))
    for gradient in gradients(networks, dirty).values():
        assert np.isfinite(gradient).all()
    ranking = dataclasses.replace(networks, losses=networks.losses[:1])  # Draws nothing.
    expected = gradients(ranking, clean)
    for path, gradient in gradients(ranking, dirty).items():
        np.testing.assert_array_equal(gradient, expected[path], err_msg=path)


def test_gradients_reach_every_weight(form):
    spec, networks = form
    for path, gradient in gradients(networks, encoded_batch(spec)).items():
        assert gradient is not None and np.abs(gradient).sum() > 0, path


def test_the_contrastive_term_reaches_the_gate_and_no_expert(search):
    batch = encoded_batch(search_spec())
    contrastive = dataclasses.replace(search, losses=search.losses[1:])
    for path, gradient in gradients(contrastive, batch).items():
        is_reached = gradient is not None and np.abs(gradient).sum() > 0
        if path.startswith("gate_network"):
            # A gate's bias is the same for all, but a dot product is not.
            assert is_reached, path
        elif path.startswith(("expert_network", "input_network")):
            assert not is_reached, path


def test_without_its_weight_the_contrastive_term_leaves_the_graph():
    networks = small_networks(
        "aw_moe", search_spec(), AwMoeSettings(**SETTINGS, contrastive_weight=0)
    )
    assert [term.name for term in networks.losses] == ["ranking"]
    assert "owner" not in {tensor.name for tensor in networks.training.inputs}
    assert not any("contrastive" in layer.name for layer in networks.training.layers)
    assert set(networks.training.output) == {"logits_click", "gate"}


def test_masking_is_for_training_alone(search):
    batch = inputs_of(search.training, encoded_batch(search_spec()))
    outputs = search.training(batch, training=False)
    np.testing.assert_array_equal(outputs["anchors"], outputs["positives"])
    outputs = [np.asarray(search.training(batch, training=True)["positives"]) for _ in range(4)]
    assert any(np.abs(output - outputs[0]).max() > 0 for output in outputs)


def test_the_sigmoid_may_stand_in_each_expert():
    spec, batch = search_spec(), encoded_batch(search_spec())
    settings = SETTINGS | {"gate_normalization": "softmax"}
    networks = small_networks("aw_moe", spec, AwMoeSettings(**settings, score_sigmoid="expert"))
    outputs = train_outputs(networks, batch)
    np.testing.assert_allclose(outputs["gate"].sum(axis=-1), 1, rtol=1e-5)
    oracle = ModelOracle(spec, networks, batch)
    expert_scores = oracle.expert_scores(oracle.impression(0, 0, "aw_moe"))
    expected = sum(outputs["gate"][0, k] / (1 + np.exp(-expert_scores[k])) for k in range(3))
    np.testing.assert_allclose(scores(networks, batch)[0, 0], expected, rtol=1e-4)


def test_many_sessions_are_scored_as_one_by_one(search):
    batch = encoded_batch(search_spec())
    together = scores(search, batch)
    for row in range(5):
        alone = {key: value[row : row + 1] for key, value in batch.items()}
        np.testing.assert_allclose(scores(search, alone)[0], together[row], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_gives_logits_and_gates_in_full(precision):
    keras.config.set_dtype_policy(precision)
    try:
        networks = small_networks("aw_moe", search_spec(), AwMoeSettings(**SETTINGS))
        outputs = train_outputs(networks, encoded_batch(search_spec()))
        assert outputs["gate"].dtype == outputs["logits_click"].dtype == np.float32
        assert np.isfinite(scores(networks, encoded_batch(search_spec()))).all()
        assert {weight.dtype for weight in networks.training.trainable_variables} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")


def test_the_training_network_runs_compiled(search):
    batch = inputs_of(search.training, encoded_batch(search_spec()))
    batch = {key: tf.convert_to_tensor(value) for key, value in batch.items()}
    step = tf.function(lambda batch: search.training(batch, training=True)["logits_click"])
    expected = search.training(batch, training=True)["logits_click"]
    np.testing.assert_allclose(step(batch), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gate", "owner"])
def test_a_session_field_must_not_take_the_name_of_an_input(name):
    spec = search_spec()
    field = dataclasses.replace(spec.field("session", "spend"), name=name)
    spec = dataclasses.replace(spec, session=(*spec.session, field))
    with pytest.raises(ValueError, match=f"`model_search` must call its session field `{name}`"):
        build("aw_moe", spec, AwMoeSettings())


def test_a_query_gate_without_a_query_is_refused():
    with pytest.raises(ValueError, match="`gate_context` must be auto or target, because spec"):
        small_networks("aw_moe", recommendation_spec(), AwMoeSettings(gate_context="query"))


def test_a_sigmoid_in_each_expert_needs_gates_that_are_shares():
    with pytest.raises(ValueError, match="`score_sigmoid` must be sum unless"):
        AwMoeSettings(score_sigmoid="expert")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gate_context", "item"),
        ("gate_hidden_sizes", ()),
        ("gate_hidden_sizes", (0,)),
        ("gate_normalization", "sum"),
        ("score_sigmoid", "none"),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        AwMoeSettings(**{name: value})
