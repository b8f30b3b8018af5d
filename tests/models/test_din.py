import numpy as np
import pytest

from ranking.models.din import DinSettings
from tests.helpers.model_oracle import ModelOracle
from tests.helpers.model_spec import encoded_batch, recommendation_spec, search_spec, with_garbage
from tests.helpers.network_checks import (
    gradients,
    scores,
    small_networks,
    train_outputs,
)

SETTINGS = {"hidden_size": 5, "hidden_sizes": (7, 3), "activation_hidden_sizes": (3, 2)}


@pytest.fixture(scope="module")
def networks():
    return small_networks("din", search_spec(), DinSettings(**SETTINGS))


@pytest.mark.parametrize("spec", [search_spec(), recommendation_spec()], ids=lambda spec: spec.name)
def test_logits_match_loops_over_the_formula(spec):
    batch = encoded_batch(spec)
    networks = small_networks("din", spec, DinSettings(**SETTINGS))
    logits = train_outputs(networks, with_garbage(spec, batch))[f"logits_{spec.tasks[0]}"]
    oracle = ModelOracle(spec, networks, batch)
    for session, length in enumerate(batch["candidates_length"]):
        for candidate in range(length):
            expected = oracle.logits(session, candidate, "din")
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation_hidden_sizes", ()),
        ("activation_hidden_sizes", (0,)),
        ("attention_normalization", "sigmoid"),
        ("attention_scale", "length"),
        ("hidden_sizes", (0,)),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        DinSettings(**{name: value})


def test_weights_that_add_up_to_one_need_no_scale():
    with pytest.raises(ValueError, match="`attention_scale` must be none with"):
        DinSettings(attention_normalization="softmax", attention_scale="sqrt_length")
