import dataclasses

import numpy as np
import pytest

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from ranking.models.category_moe import CategoryMoeSettings
from ranking.models.sparse_gate import noise_layer
from tests.helpers import gate_oracles
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import encoded_batch, inputs_of, search_spec, with_garbage
from tests.helpers.network_checks import gradients, scores, small_networks, train_outputs

EXPERTS, KEPT = 5, 2
SIZES = {
    "hidden_size": 5,
    "activation_hidden_sizes": (3,),
    "experts": EXPERTS,
    "expert_hidden_sizes": (7,),
}
AW_MOE = {**SIZES, "gate_hidden_sizes": (3,), "gate_normalization": "softmax", "gate_top_k": KEPT}
FORMS = {
    "aw_moe": ("aw_moe", AwMoeSettings(**AW_MOE)),
    "aw_moe target": ("aw_moe", AwMoeSettings(**AW_MOE, gate_context="target")),
    "category_moe": ("category_moe", CategoryMoeSettings(**SIZES, category_top_k=KEPT)),
}
SPEC, BATCH = search_spec(), encoded_batch(search_spec())
REAL = np.arange(3) < BATCH["candidates_length"][:, None]


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    name, settings = FORMS[request.param]
    return name, settings, small_networks(name, SPEC, settings)


def gate_logits(name, settings, oracle, session, candidate):
    """What the gate chooses by, without noise."""
    if name == "category_moe":
        return oracle.category_logits(session, candidate)
    return oracle.gate(session, candidate if settings.gate_context == "target" else None)


def test_scores_are_those_of_the_chosen_experts_by_loops(form):
    name, settings, networks = form
    found, oracle = scores(networks, with_garbage(SPEC, BATCH)), ModelOracle(SPEC, networks, BATCH)
    for session, candidate in np.argwhere(REAL):
        logits = gate_logits(name, settings, oracle, session, candidate)
        gate = gate_oracles.top_k_gate(logits, KEPT)
        experts = oracle.expert_scores(oracle.impression(session, candidate, name))
        expected = 1 / (1 + np.exp(-sum(gate[k] * experts[k] for k in np.flatnonzero(gate))))
        np.testing.assert_allclose(found[session, candidate], expected, rtol=1e-3, atol=1e-6)


def test_the_served_gate_is_sparse():
    _, settings = FORMS["aw_moe"]
    networks = small_networks("aw_moe", SPEC, settings)
    gate = np.asarray(networks.gate(inputs_of(networks.gate, BATCH))["gate"])
    np.testing.assert_array_equal(np.count_nonzero(gate, axis=1), KEPT)
    np.testing.assert_allclose(gate.sum(axis=1), 1, rtol=1e-6)


def test_only_chosen_experts_reach_the_score(form):
    _, _, networks = form
    gate = np.asarray(networks.training(inputs_of(networks.training, BATCH))["gate"])
    chosen = (gate if gate.ndim == 3 else np.repeat(gate[:, None], 3, axis=1)) > 0
    before = scores(networks, BATCH)
    kernel = networks.training.get_layer("expert_network.experts").kernel_0
    values = kernel.numpy()
    for expert in range(EXPERTS):
        changed = values.copy()
        changed[expert] += 1.0
        kernel.assign(changed)
        is_same = scores(networks, BATCH) == before
        np.testing.assert_array_equal(is_same[REAL], ~chosen[REAL][:, expert])
    kernel.assign(values)


def test_an_expert_that_is_chosen_nowhere_gets_no_gradient(form):
    _, _, networks = form
    ranking = dataclasses.replace(networks, losses=networks.losses[:1])
    one = {key: value[:1] for key, value in BATCH.items()}
    one["candidates_length"] = np.ones(1, np.int32)
    found = gradients(ranking, one)["expert_network.experts/kernel_0"]
    assert np.count_nonzero(np.abs(found).sum(axis=(1, 2))) == KEPT


def test_noise_is_for_training_alone(form):
    _, _, networks = form
    inputs = inputs_of(networks.training, BATCH)
    gates = [np.asarray(networks.training(inputs, training=True)["gate"]) for _ in range(3)]
    assert not np.array_equal(gates[0], gates[1]) or not np.array_equal(gates[0], gates[2])
    served = [np.asarray(networks.training(inputs, training=False)["gate"]) for _ in range(2)]
    np.testing.assert_array_equal(*served)


def test_padding_content_never_matters(form):
    _, _, networks = form
    dirty = with_garbage(SPEC, BATCH)
    assert scores(networks, dirty).tobytes() == scores(networks, BATCH).tobytes()
    for path, gradient in gradients(networks, dirty).items():
        assert gradient is None or np.isfinite(gradient).all(), path


def test_noise_learns_from_what_the_gate_reads(form):
    _, _, networks = form
    found = gradients(networks, BATCH)["gate_network.noise/kernel"]
    assert np.abs(found).sum() > 0


@pytest.mark.parametrize(("scale", "bias"), [("softplus", 0), ("clip", 1), ("raw", 1)])
def test_noise_starts_the_same_for_every_input(scale, bias):
    layer = noise_layer(CategoryMoeSettings(**SIZES, gate_noise_scale=scale))
    np.testing.assert_array_equal(layer(np.full((3, 7), 5.0)), np.full((3, EXPERTS), bias))
    assert noise_layer(CategoryMoeSettings(**SIZES, gate_noise=False)) is None


def test_without_noise_training_is_deterministic():
    settings = CategoryMoeSettings(**SIZES, category_top_k=KEPT, gate_noise=False)
    networks = small_networks("category_moe", SPEC, settings)
    assert not any("noise" in weight.path for weight in networks.training.variables)
    one, other = (train_outputs(networks, BATCH)["gate"] for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_the_category_gate_starts_from_noise_alone():
    layer = "gate_network.category"
    for noise, expected in ((True, True), (False, False)):
        settings = CategoryMoeSettings(**SIZES, category_top_k=KEPT, gate_noise=noise)
        kernel = build("category_moe", SPEC, settings).training.get_layer(layer).kernel
        assert (np.asarray(kernel) == 0).all() == expected


@pytest.mark.parametrize("value", [0, -1, EXPERTS, EXPERTS + 1])
def test_a_choice_must_leave_experts_out(value):
    with pytest.raises(ValueError, match=f"`gate_top_k` must be none, or .* gate_top_k={value}"):
        AwMoeSettings(**{**AW_MOE, "gate_top_k": value})
    with pytest.raises(ValueError, match="`category_top_k` must be .* below `experts`, which is 5"):
        CategoryMoeSettings(**SIZES, category_top_k=value)


def test_a_raw_gate_cannot_choose():
    with pytest.raises(ValueError, match="`gate_top_k` must be none unless `gate_normalization`"):
        AwMoeSettings(gate_top_k=2)
