import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.category_moe import CategoryMoeSettings
from tests.helpers import gate_oracles
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import encoded_batch, hierarchy_spec, inputs_of, with_garbage
from tests.helpers.network_checks import loss, small_networks, train_outputs

EXPERTS, KEPT = 5, 2
SIZES = {
    "hidden_size": 5,
    "activation_hidden_sizes": (3,),
    "experts": EXPERTS,
    "expert_hidden_sizes": (7,),
}
WEIGHTS = {"balance_weight": 0.3, "adversarial_weight": 0.2, "disagreeing_count": 2}
AW_MOE = {
    **SIZES,
    "gate_hidden_sizes": (3,),
    "gate_normalization": "softmax",
    "contrastive_weight": 0.0,
}
SPEC, BATCH = hierarchy_spec(), encoded_batch(hierarchy_spec())
REAL = np.arange(3) < BATCH["candidates_length"][:, None]
FORMS = {
    "aw_moe": ("aw_moe", AwMoeSettings(**AW_MOE, gate_top_k=KEPT, **WEIGHTS)),
    "aw_moe target": (
        "aw_moe",
        AwMoeSettings(**AW_MOE, gate_top_k=KEPT, gate_context="target", **WEIGHTS),
    ),
    "category_moe": (
        "category_moe",
        CategoryMoeSettings(**SIZES, category_top_k=KEPT, hsc_weight=0.1, **WEIGHTS),
    ),
}


def terms_of(networks, outputs):
    return {
        term.name: [float(part) for part in term.function(outputs, BATCH)]
        for term in networks.losses
    }


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    name, settings = FORMS[request.param]
    networks = small_networks(name, SPEC, settings)
    return networks, settings, train_outputs(networks, with_garbage(SPEC, BATCH))


def test_terms_have_their_names_and_weights(form):
    networks, settings, _ = form
    weights = {term.name: term.weight for term in networks.losses}
    expected = {"ranking": 1.0, "importance": 0.3, "load": 0.3, "adversarial": 0.2}
    hierarchy = {"hierarchy": 0.1} if isinstance(settings, CategoryMoeSettings) else {}
    assert weights == expected | hierarchy


def test_importance_and_load_equal_the_loop_over_real_rows(form):
    networks, _, outputs = form
    found = terms_of(networks, outputs)
    for term, output in (("importance", "gate"), ("load", "load")):
        mask = REAL if outputs[output].ndim == 3 else REAL.any(axis=1)
        rows = outputs[output].reshape(-1, EXPERTS).astype("float64")
        expected = gate_oracles.load_balance(rows, mask.reshape(-1))
        np.testing.assert_allclose(found[term], expected, rtol=1e-4)


def test_chosen_experts_are_told_apart_from_others_by_loops(form):
    networks, _, outputs = form
    gate, disagreeing = outputs["gate"], outputs["disagreeing"]
    if gate.ndim == 2:
        gate, disagreeing = (np.repeat(x[:, None], 3, axis=1) for x in (gate, disagreeing))
    np.testing.assert_array_equal(disagreeing.sum(axis=-1), 2)
    assert not (disagreeing & (gate > 0)).any()
    parts = (outputs["expert_scores"].astype("float64"), gate > 0, disagreeing, REAL[..., None])
    expected = gate_oracles.adversarial(*(part.reshape(-1, part.shape[-1]) for part in parts))
    np.testing.assert_allclose(terms_of(networks, outputs)["adversarial"], expected, rtol=1e-4)


@pytest.mark.parametrize("shared", [False, True])
def test_the_hierarchical_constraint_equals_the_loop(shared):
    gate = "shared" if shared else "separate"
    settings = CategoryMoeSettings(**SIZES, hsc_weight=0.1, top_category_gate=gate)
    batch = {key: value.copy() for key, value in BATCH.items()}
    batch["candidates_department"][0, 1] = 1  # The parent is unknown.
    networks = small_networks("category_moe", SPEC, settings)
    outputs, oracle = train_outputs(networks, batch), ModelOracle(SPEC, networks, batch)
    layer = "category" if shared else "parent_category"
    total, count = 0.0, 0
    for session, candidate in np.argwhere(REAL):
        if batch["candidates_department"][session, candidate] > 1:
            child = oracle.category_logits(session, candidate)
            parent = oracle.category_logits(session, candidate, layer=layer, role="parent_category")
            total, count = total + ((child - parent) ** 2).sum(), count + 1
    assert count < REAL.sum()
    np.testing.assert_allclose(terms_of(networks, outputs)["hierarchy"], (total, count), rtol=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_step_does_not_depend_on_how_sessions_are_split(reduction):
    settings = CategoryMoeSettings(
        **SIZES,
        category_top_k=KEPT,
        hsc_weight=0.1,
        adversarial_weight=0.2,
        regularizer_reduction=reduction,
    )
    networks = small_networks("category_moe", SPEC, settings)
    outputs = train_outputs(networks, BATCH)
    for term in networks.losses[1:]:
        parts = [slice(0, 2), slice(2, 5)]
        total, count = (float(part) for part in term.function(outputs, BATCH))
        of_parts = [
            [float(x) for x in term.function({k: v[part] for k, v in outputs.items()}, BATCH)]
            for part in parts
        ]
        totals, counts = np.sum(of_parts, axis=0)
        assert totals / max(counts, 1) == pytest.approx(total / max(count, 1), rel=1e-5)
        assert count == (0 if reduction == "sum" else REAL.sum())


def test_a_dense_gate_is_balanced_by_its_importance_alone():
    settings = AwMoeSettings(**AW_MOE, balance_weight=0.3)
    networks = small_networks("aw_moe", SPEC, settings)
    assert [term.name for term in networks.losses] == ["ranking", "importance"]
    assert set(networks.training.output) == {"gate", "logits_click", "candidates_mask"}


def test_without_weights_nothing_is_added():
    for name, settings in (("aw_moe", AwMoeSettings(**AW_MOE)), ("category_moe", None)):
        settings = settings or CategoryMoeSettings(**SIZES)
        networks = small_networks(name, SPEC, settings)
        assert [term.name for term in networks.losses] == ["ranking"]
        assert set(networks.training.output) == {"gate", "logits_click"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aw_moe", "category_moe"])
def test_balance_takes_the_load_off_a_favorite(name):
    """Training from a gate that nearly always chooses the same experts evens out what they get."""
    networks = _skewed(name, balance_weight=1.0)
    start = _importance(networks)
    losses = _trained_losses(networks, steps=120)
    assert start > 1 and losses[0] > 1
    assert np.mean(losses[-20:]) < 0.3 * losses[0] and _importance(networks) < 0.3 * start


@pytest.mark.slow
def test_without_balance_a_favorite_stays_one():
    networks = _skewed("category_moe", balance_weight=0.0)
    start = _importance(networks)
    _trained_losses(networks, steps=120)
    assert _importance(networks) > 0.5 * start


def _skewed(name, **changes):
    changes |= {"adversarial_weight": 0.0}
    changes |= {"hsc_weight": 0.0} if name == "category_moe" else {}
    networks = small_networks(name, SPEC, dataclasses.replace(FORMS[name][1], **changes))
    layer = "gate_network.gate" if name == "aw_moe" else "gate_network.category"
    networks.training.get_layer(layer).bias.assign([4.0, 4.0, 0.0, 0.0, 0.0])
    return networks


def _importance(networks):
    """Squared coefficient of variation of what experts get, over several draws of the noise."""
    gates = [train_outputs(networks, BATCH)["gate"] for _ in range(8)]
    mask = REAL if gates[0].ndim == 3 else REAL.any(axis=1)
    rows = np.concatenate([gate[mask] for gate in gates])
    total, count = gate_oracles.load_balance(rows, np.ones(len(rows), bool))
    return total / count


def _trained_losses(networks, steps):
    """Trains on one batch -> the importance loss of every step."""
    optimizer = keras.optimizers.Adam(0.03)
    variables = networks.training.trainable_variables
    batch = {
        key: tf.convert_to_tensor(value)
        for key, value in BATCH.items()
        if value.dtype.kind in "biuf"
    }

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            outputs = networks.training(inputs_of(networks.training, batch), training=True)
            total = loss(networks, outputs, batch)
        gradients = tape.gradient(total, [variable.value for variable in variables])
        pairs = zip(gradients, variables, strict=True)
        optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])
        for term in networks.losses:
            if term.name == "importance":
                value, count = term.function(outputs, batch)
                return value / count
        return tf.constant(0.0)

    optimizer.build(variables)
    return [float(step()) for _ in range(steps)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"balance_weight": -0.1}, "`balance_weight` must be at least 0"),
        ({"adversarial_weight": float("inf")}, "`adversarial_weight` must be at least 0"),
        ({"disagreeing_count": 0}, "`disagreeing_count` must be at least 1"),
        ({"disagreeing_experts": "top"}, "`disagreeing_experts` must be one of random, bottom"),
        ({"regularizer_reduction": "max"}, "`regularizer_reduction` must be one of mean, sum"),
        ({"adversarial_weight": 0.1}, "`adversarial_weight` must be 0 unless `category_top_k`"),
        (
            {"adversarial_weight": 0.1, "category_top_k": 3, "disagreeing_count": 2},
            "`disagreeing_count` must be at most 1",
        ),
        ({"hsc_weight": -1.0}, "`hsc_weight` must be at least 0"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CategoryMoeSettings(**changes)


def test_a_raw_gate_cannot_be_balanced():
    with pytest.raises(ValueError, match="`balance_weight` must be 0 unless `gate_normalization`"):
        AwMoeSettings(balance_weight=0.1)
