import keras
import numpy as np
import pytest

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from ranking.models.contrastive import AugmentedView
from ranking.models.embedded_session import embed_session
from ranking.models.gate_network import GateSettings, resolve_gate_context, session_gates
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import encoded_batch, inputs_of, recommendation_spec, search_spec
from tests.helpers.network_checks import gradients, small_networks, train_outputs

SIZES = {"hidden_size": 5, "gate_hidden_sizes": (3,), "experts": 3}
SPARSE = {"gate_top_k": 2, "gate_normalization": "softmax"}
SPEC = search_spec()


def gates_of(batch, context, view=None, **changes):
    keras.utils.set_random_seed(7)
    session = embed_session(SPEC, batch)
    view = view and view(session)
    return session_gates(session, GateSettings(**SIZES, **changes), context, view)


@pytest.mark.parametrize("context", ["query", "target"])
@pytest.mark.parametrize("changes", [{}, SPARSE], ids=["dense", "sparse"])
def test_the_gate_of_another_view_is_that_of_a_session_that_looks_so(context, changes):
    batch, shorter = encoded_batch(SPEC), encoded_batch(SPEC)
    shorter["behaviors_length"] = batch["behaviors_length"] // 2
    # The newest items first, each with what else is known of the place it comes to.
    names = ("item", "category", "topics", "topics_length")
    for name in names:
        values = shorter[f"behaviors_{name}"]
        values[0] = values[0, ::-1]

    def view(session):
        left = np.arange(7) < shorter["behaviors_length"][:, None]
        items = np.array(session.behaviors)
        items[0] = items[0, ::-1]
        return AugmentedView(items, left)

    def subset(session):
        return AugmentedView(None, np.arange(7) < shorter["behaviors_length"][:, None])

    gate, other = gates_of(batch, context, view, **changes)
    expected, none = gates_of(shorter, context, **changes)
    assert none is None
    np.testing.assert_allclose(other.gate, expected.gate, atol=1e-5)
    np.testing.assert_array_equal(gate.gate, gates_of(batch, context, **changes)[0].gate)
    cut = {**batch, "behaviors_length": shorter["behaviors_length"]}
    _, other = gates_of(batch, context, subset, **changes)
    np.testing.assert_allclose(other.gate, gates_of(cut, context, **changes)[0].gate, atol=1e-5)


@pytest.mark.parametrize("augmentation", ["crop", "reorder", "random"])
def test_every_augmentation_leaves_the_gate_and_changes_the_other_view(augmentation):
    batch = encoded_batch(SPEC)
    settings = AwMoeSettings(**SIZES, augmentation=augmentation, mask_probability=0.5)
    networks = small_networks("aw_moe", SPEC, settings)
    inputs = inputs_of(networks.training, batch)
    outputs = train_outputs(networks, batch)
    oracle = ModelOracle(SPEC, networks, batch)
    np.testing.assert_allclose(outputs["gate"][0], oracle.gate(0, None), rtol=2e-4, atol=1e-5)
    np.testing.assert_array_equal(outputs["anchors"], outputs["gate"])
    views = [np.asarray(networks.training(inputs, training=True)["positives"]) for _ in range(6)]
    assert any(np.abs(view[0] - outputs["gate"][0]).max() > 1e-4 for view in views)
    # Without behaviors there is nothing to change.
    assert all(np.array_equal(view[1], outputs["gate"][1]) for view in views)
    served = networks.training(inputs, training=False)
    np.testing.assert_allclose(served["positives"], served["anchors"], atol=1e-6)
    for path, gradient in gradients(networks, batch).items():
        assert gradient is None or np.isfinite(gradient).all(), path


def test_the_context_follows_the_spec():
    assert resolve_gate_context(SPEC, GateSettings()) == "query"
    assert resolve_gate_context(SPEC, GateSettings(gate_context="target")) == "target"
    assert resolve_gate_context(recommendation_spec(), GateSettings()) == "target"
    with pytest.raises(ValueError, match="`gate_context` must be auto or target"):
        resolve_gate_context(recommendation_spec(), GateSettings(gate_context="query"))


def test_a_dense_gate_has_no_layers_of_a_choice():
    names = {layer.name for layer in build("aw_moe", SPEC, AwMoeSettings()).training.layers}
    assert not any("noise" in name or "top_k" in name for name in names)
