import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.attention_weighted_gate import AttentionWeightedGate
from tests.helpers import oracles
from tests.helpers.attention_inputs import B, D, T, contexts, lengthen, make_inputs, shuffle
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

K = 2
OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_bias": True},
        {"gate_normalization": "softmax", "use_bias": True},
        {"attention_normalization": "softmax"},
        {"attention_scale": "sqrt_length"},
        {"gate_unit": False},
        {"activation_unit": False},
        {"gate_unit": False, "activation_unit": False, "use_bias": True},
        {"activation_unit": False, "attention_normalization": "softmax"},
        {"activation_hidden_sizes": (7,)},
    ],
    ids=lambda options: "-".join(f"{name}={value}" for name, value in options.items()) or "paper",
)
RANKS = pytest.mark.parametrize("per_candidate", [True, False])


def make_layer(**options):
    return AttentionWeightedGate(K, hidden_sizes=(13, 17), **options)


def oracle(layer, options, session):
    """The gate of one session or candidate, by the loop."""
    weights = {}
    for unit in ("gate", "activation"):
        built = getattr(layer, f"{unit}_unit")
        weights[f"{unit}_weights"] = built and oracles.dense_pairs(built)
    others = {k: v for k, v in options.items() if k.endswith(("normalization", "scale"))}
    if not options.get("gate_unit", True):
        others["pooled_kernel"] = np.asarray(layer.pooled_to_gate.get_weights()[0])
    if options.get("use_bias"):
        others["bias"] = np.asarray(layer.bias)
    return oracles.attention_weighted_gate(
        weights["gate_weights"], weights["activation_weights"], *session, **others
    )


def test_each_unit_has_its_own_sizes_and_both_have_the_same_by_default():
    layer = make_layer(activation_hidden_sizes=(7, 3))
    assert layer.gate_unit.hidden_sizes == (13, 17)
    assert layer.activation_unit.hidden_sizes == (7, 3)
    assert make_layer().activation_unit.hidden_sizes == (13, 17)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation_hidden_sizes": (7,)},
        {"gate_unit": False, "gate_normalization": "softmax", "use_bias": True},
    ],
)
def test_layer_contract(options):
    arguments = {"num_experts": K, "hidden_sizes": (13, 17), **options}
    inputs = make_inputs(per_candidate=False)
    run_layer_checks(AttentionWeightedGate, arguments, inputs, (B, K))


@OPTIONS
@RANKS
def test_value_equals_the_loop(options, per_candidate):
    layer, inputs = make_layer(**options), make_inputs(per_candidate=per_candidate)
    found = np.asarray(layer(*inputs.values()))
    if layer.use_bias:
        layer.bias.assign([0.3, -0.7])
        found = np.asarray(layer(*inputs.values()))
    assert found.shape == (*inputs["context"].shape[:-1], K)
    for index, *session in contexts(inputs):
        np.testing.assert_allclose(found[index], oracle(layer, options, session), atol=1e-5)


@OPTIONS
@RANKS
def test_gate_of_a_subset_is_that_of_a_shorter_history(options, per_candidate):
    layer = make_layer(**options)
    inputs = make_inputs(per_candidate=per_candidate)
    mask = inputs["behaviors_mask"]
    subset = mask & (np.arange(mask.shape[1]) % 2 == 0)
    gate, gate_of_subset = layer(**inputs, subset_mask=subset)
    np.testing.assert_array_equal(gate, layer(**inputs))
    expected = layer(**{**inputs, "behaviors_mask": subset})
    np.testing.assert_allclose(gate_of_subset, expected, atol=1e-6)
    # Behaviors that are not real are in no subset.
    _, everything = layer(**inputs, subset_mask=np.ones_like(mask))
    np.testing.assert_array_equal(everything, gate)


@OPTIONS
def test_padding_content_never_matters(options):
    inputs = make_inputs(per_candidate=True)
    layer = make_layer(**options)
    check_padding_never_matters(layer, inputs, "behaviors", inputs["behaviors_mask"])


@OPTIONS
def test_padding_length_and_order_never_matter(options):
    layer, inputs = make_layer(**options), make_inputs(per_candidate=False)
    expected = layer(*inputs.values())
    for changed in (lengthen(inputs, 2), shuffle(inputs)):
        np.testing.assert_allclose(layer(*changed.values()), expected, atol=1e-5)


@OPTIONS
@RANKS
@pytest.mark.parametrize("length", [0, T])
def test_session_without_behaviors_gets_the_bias(options, per_candidate, length):
    layer = make_layer(**options)
    inputs = make_inputs(per_candidate=per_candidate, length=length)
    outputs, of_weights, _ = outputs_and_gradients(layer, inputs)
    expected = np.zeros(K)
    if options.get("use_bias") or options.get("gate_normalization") == "softmax":
        expected = np.full(K, 1 / K)
    np.testing.assert_allclose(outputs[0], np.broadcast_to(expected, outputs[0].shape))
    assert all(np.isfinite(gradient).all() for gradient in of_weights)


def test_bias_learns_from_sessions_without_behaviors():
    layer = make_layer(use_bias=True)
    _, of_weights, _ = outputs_and_gradients(layer, make_inputs(per_candidate=False, length=0))
    moved = [np.any(gradient) for gradient in of_weights]
    assert moved == [variable is layer.bias for variable in layer.trainable_variables]


def test_softmax_gate_sums_to_one():
    gate = make_layer(gate_normalization="softmax")(*make_inputs(per_candidate=True).values())
    np.testing.assert_allclose(np.sum(gate, axis=-1), 1.0, rtol=1e-6)


def test_units_start_different_and_the_activation_unit_small():
    layer = AttentionWeightedGate(1, hidden_sizes=(13, 17))
    layer.build((B, T, D), (B, D))
    kernels = [oracles.dense_pairs(unit) for unit in (layer.gate_unit, layer.activation_unit)]
    assert not np.allclose(kernels[0][0][0], kernels[1][0][0])
    assert np.abs(kernels[1][-1][0]).max() < 0.2 * np.abs(kernels[0][-1][0]).max()


def test_weights_are_those_of_the_units_in_use():
    layer = make_layer(gate_unit=False, activation_unit=False)
    layer.build((B, T, D), (B, D))
    assert [variable.shape for variable in layer.variables] == [(D, K)]


def test_checkpoint_holds_every_weight(tmp_path):
    layer, other = make_layer(use_bias=True), make_layer(use_bias=True)
    for built in (layer, other):
        built.build((B, None, D), (B, D))
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    inputs = make_inputs(per_candidate=False)
    np.testing.assert_array_equal(layer(*inputs.values()), other(*inputs.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_experts": 0}, r"`num_experts` must be.*=0"),
        ({"hidden_sizes": (0,)}, r"`hidden_sizes` must hold.*\(0,\)"),
        ({"activation_hidden_sizes": (0,)}, r"`hidden_sizes` must hold.*\(0,\)"),
        ({"attention_normalization": "sum"}, r"`attention_normalization` must be one of .*'sum'"),
        ({"attention_scale": "length"}, r"`attention_scale` must be one of .*'length'"),
        ({"gate_normalization": "sum"}, r"`gate_normalization` must be one of .*'sum'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionWeightedGate(**{"num_experts": K, **options})


@pytest.mark.parametrize(
    ("behaviors", "context", "message"),
    [
        ((B, T, D), (B, D + 2), r"AttentionWeightedGate compares.*context\.shape=\(3, 13\)"),
        ((B, D), (B, D), r"AttentionWeightedGate takes.*behaviors\.shape=\(3, 11\)"),
    ],
)
def test_bad_shapes_are_refused(behaviors, context, message):
    with pytest.raises(ValueError, match=message):
        make_layer().build(behaviors, context)
