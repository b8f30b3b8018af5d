import numpy as np
import pytest

from ranking.backbones.aw_moe import AwMoe, AwMoeBackboneSettings, make_aw_moe
from ranking.settings_parser import SettingsError
from tests.helpers import oracles
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

B, C, T, D, WIDTH = 5, 3, 7, 11, 2
ARGUMENTS = {"num_tasks": 2, "num_experts": 3, "hidden_sizes": (5,), "gate_hidden_sizes": (7,)}


def _inputs(*, query=True):
    """Sessions of both scenarios, one of neither; one without behaviors."""
    generator = np.random.default_rng(3)
    normal = lambda *shape: generator.normal(size=shape).astype("float32")  # noqa: E731
    inputs = {
        "vectors": normal(B, C, D),
        "scenario": np.array([[1, 0], [0, 1], [0.5, 0.5], [0, 1], [1, 0]], "float32"),
        "candidates_mask": np.arange(C) < np.array([[2], [3], [1], [3], [2]]),
        "behaviors": normal(B, T, WIDTH),
        "behaviors_mask": np.arange(T) < np.array([[7], [0], [3], [5], [2]]),
    }
    return inputs | ({"query": normal(B, WIDTH)} if query else {})


def _logits(layer, inputs, b, c):
    """Equations 5 to 9 for one impression: `(J,)`."""
    asked = np.concatenate([inputs["query"][b], inputs["scenario"][b]])
    context = oracles.dense(*oracles.dense_pairs(layer.context)[0], asked)
    gate = oracles.attention_weighted_gate(
        oracles.dense_pairs(layer.gate.gate_unit),
        oracles.dense_pairs(layer.gate.activation_unit),
        inputs["behaviors"][b],
        context,
        inputs["behaviors_mask"][b],
        bias=np.asarray(layer.gate.bias.value),
    )
    pairs = oracles.dense_pairs(layer.experts)
    logits = np.zeros(layer.num_tasks)
    for k in range(layer.num_experts):
        for j in range(layer.num_tasks):
            number = k * layer.num_tasks + j
            expert = [(kernel[number], bias[number]) for kernel, bias in pairs]
            logits[j] += gate[k] * oracles.mlp(expert, inputs["vectors"][b, c])[0]
    return logits


def test_layer_contract():
    run_layer_checks(AwMoe, ARGUMENTS, _inputs(), (B, C, 2))


def test_logits_equal_the_loops():
    layer, inputs = AwMoe(**ARGUMENTS), _inputs()
    found = np.asarray(layer(*inputs.values()))
    for b, c in zip(*np.nonzero(inputs["candidates_mask"]), strict=True):
        np.testing.assert_allclose(found[b, c], _logits(layer, inputs, b, c), 1e-4, 1e-5)


@pytest.mark.parametrize(
    ("name", "mask"), [("vectors", "candidates_mask"), ("behaviors", "behaviors_mask")]
)
def test_padding_never_matters(name, mask):
    inputs = _inputs()
    check_padding_never_matters(AwMoe(**ARGUMENTS), inputs, name, inputs[mask])


def test_a_spec_without_query_still_has_a_gate():
    layer, inputs = AwMoe(**ARGUMENTS), _inputs(query=False)
    found = np.asarray(layer(*inputs.values()))
    assert found.shape == (B, C, 2)
    assert layer.context.kernel.shape == (2, WIDTH)


def test_the_scenario_speaks_through_the_gate():
    layer, inputs = AwMoe(**ARGUMENTS), _inputs()
    before = np.asarray(layer(*inputs.values()))
    inputs["scenario"] = inputs["scenario"][:, ::-1].copy()
    after = np.asarray(layer(*inputs.values()))
    changed = np.abs(after - before).max(axis=(1, 2)) > 1e-7
    # Session 1 has no behaviors, session 2 is as much of the one as of the other.
    assert changed.tolist() == [True, False, False, True, True]


def test_gradients_reach_every_weight():
    _, of_weights, _ = outputs_and_gradients(AwMoe(**ARGUMENTS), _inputs())
    assert all(np.any(gradient) for gradient in of_weights)


def test_settings_become_the_layer():
    settings = AwMoeBackboneSettings(
        backbone_hidden_sizes=(7, 5),
        aw_moe_experts=3,
        aw_moe_gate_hidden_sizes=(2,),
        aw_moe_attention_normalization="softmax",
    )
    layer = make_aw_moe(settings, 2, "backbone")
    assert (layer.name, layer.num_tasks, layer.num_experts) == ("backbone", 2, 3)
    assert (layer.hidden_sizes, layer.gate_hidden_sizes) == ((7, 5), (2,))
    assert layer.attention_normalization == "softmax"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"aw_moe_experts": 0}, "`aw_moe_experts` must be at least 1"),
        ({"aw_moe_gate_hidden_sizes": ()}, "`aw_moe_gate_hidden_sizes` must be one size or more"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        AwMoeBackboneSettings(**settings)
