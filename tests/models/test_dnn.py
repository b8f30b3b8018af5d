import numpy as np
import pytest

from ranking.models.dnn import DnnSettings
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import (
    encoded_batch,
    equal_widths_spec,
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

SETTINGS = {"hidden_size": 5, "hidden_sizes": (7, 3)}


@pytest.fixture(scope="module")
def networks():
    return small_networks("dnn", search_spec(), DnnSettings(**SETTINGS))


@pytest.mark.parametrize("spec", [search_spec(), recommendation_spec()], ids=lambda spec: spec.name)
def test_logits_match_loops_over_the_formula(spec):
    batch = encoded_batch(spec)
    networks = small_networks("dnn", spec, DnnSettings(**SETTINGS, input_layers=2))
    logits = train_outputs(networks, with_garbage(spec, batch))[f"logits_{spec.tasks[0]}"]
    oracle = ModelOracle(spec, networks, batch)
    for session, length in enumerate(batch["candidates_length"]):
        for candidate in range(length):
            expected = oracle.logits(session, candidate, "dnn")
            np.testing.assert_allclose(logits[session, candidate], expected, rtol=2e-4, atol=1e-5)


def test_scores_are_probabilities_and_zero_at_padded_candidates(networks):
    batch = encoded_batch(search_spec())
    probabilities = scores(networks, batch)
    real = np.arange(3) < batch["candidates_length"][:, None]
    logits = train_outputs(networks, batch)["logits_click"]
    np.testing.assert_allclose(probabilities[real], 1 / (1 + np.exp(-logits[real])), rtol=1e-5)
    assert (probabilities[~real] == 0).all()


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


def test_no_behaviors_and_no_candidates_at_all_are_fine(networks):
    batch = encoded_batch(search_spec(), behaviors=0)
    assert np.isfinite(scores(networks, batch)).all()
    assert scores(networks, encoded_batch(search_spec(), candidates=0)).shape == (5, 0)


def test_one_mlp_may_read_all_types_of_one_width():
    spec = equal_widths_spec()
    settings = DnnSettings(**SETTINGS, input_mlp="shared")
    networks = small_networks("dnn", spec, settings)
    names = {layer.name for layer in networks.training.layers}
    assert "input_network.shared" in names and "input_network.item" not in names
    # The 3 numbers of every type, and below them 11 that behaviors have beside the item.
    assert networks.training.get_layer("input_network.shared").kernel.shape == (3 + 11, 5)
    assert np.isfinite(scores(networks, encoded_batch(spec))).all()


def test_one_mlp_for_types_of_different_width_is_refused():
    with pytest.raises(ValueError, match="`input_mlp` must be per_type unless .* 'query': 2"):
        small_networks("dnn", search_spec(), DnnSettings(input_mlp="shared"))


def test_there_is_no_gate_and_the_reason_is_given(networks):
    assert networks.gate is None
    assert networks.gate_refusal.endswith(".") and "no experts" in networks.gate_refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 0),
        ("input_layers", 0),
        ("input_mlp", "both"),
        ("dropout", 1.0),
        ("dropout", float("nan")),
        ("hidden_sizes", (3, 0)),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        DnnSettings(**{name: value})
