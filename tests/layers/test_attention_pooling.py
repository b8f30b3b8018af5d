import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.attention_pooling import AttentionPooling
from tests.helpers import oracles
from tests.helpers.attention_inputs import B, C, D, contexts, lengthen, make_inputs, shuffle
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

OPTIONS = pytest.mark.parametrize(
    "options", [{}, {"normalization": "softmax"}, {"scale": "sqrt_length"}]
)
RANKS = pytest.mark.parametrize("per_candidate", [True, False])


def make_layer(**options):
    return AttentionPooling(hidden_sizes=(13, 17), **options)


@pytest.mark.parametrize(
    ("options", "per_candidate"), [({}, True), ({"normalization": "softmax"}, False)]
)
def test_layer_contract(options, per_candidate):
    arguments = {"hidden_sizes": (13, 17), **options}
    inputs = make_inputs(per_candidate=per_candidate)
    shape = inputs["context"].shape
    # A softmax takes no notice of the last bias, which is added to every score.
    unheard = (5,) if options else ()
    run_layer_checks(AttentionPooling, arguments, inputs, shape, without_gradient=unheard)


@OPTIONS
@RANKS
def test_value_equals_the_loop(options, per_candidate):
    layer, inputs = make_layer(**options), make_inputs(per_candidate=per_candidate)
    found = np.asarray(layer(*inputs.values()))
    weights = oracles.dense_pairs(layer.activation_unit)
    for index, *session in contexts(inputs):
        expected = oracles.attention_pooling(weights, *session, **options)
        np.testing.assert_allclose(found[index], expected, atol=1e-5)


@OPTIONS
@RANKS
def test_padding_content_never_matters(options, per_candidate):
    inputs = make_inputs(per_candidate=per_candidate)
    layer = make_layer(**options)
    check_padding_never_matters(layer, inputs, "behaviors", inputs["behaviors_mask"])


@OPTIONS
def test_padding_length_and_order_never_matter(options):
    layer, inputs = make_layer(**options), make_inputs(per_candidate=True)
    expected = layer(*inputs.values())
    for changed in (lengthen(inputs, 2), shuffle(inputs)):
        np.testing.assert_allclose(layer(*changed.values()), expected, atol=1e-6)


@OPTIONS
def test_session_without_behaviors_gets_zeros(options):
    outputs = make_layer(**options)(*make_inputs(per_candidate=True).values())
    np.testing.assert_array_equal(outputs[0], np.zeros((C, D)))


@OPTIONS
@RANKS
def test_zero_length_gives_zeros_and_zero_gradients(options, per_candidate):
    inputs = make_inputs(per_candidate=per_candidate, length=0)
    outputs, of_weights, of_inputs = outputs_and_gradients(make_layer(**options), inputs)
    assert outputs.shape == inputs["context"].shape
    assert all(np.all(a == 0) for a in (outputs, *of_weights, *of_inputs.values()))


def test_softmax_of_one_behavior_returns_it():
    inputs = make_inputs(per_candidate=False, length=1)
    pooled = make_layer(normalization="softmax")(*inputs.values())
    np.testing.assert_allclose(pooled[2], inputs["behaviors"][2, 0], rtol=1e-6)


def test_user_vector_starts_small_but_every_gradient_flows():
    layer, inputs = make_layer(), make_inputs(per_candidate=True, length=47)
    outputs, of_weights, of_inputs = outputs_and_gradients(layer, inputs)
    # Sums over 47 vectors of about unit size; plain scores would make them some ten times longer.
    assert np.sqrt(np.mean(outputs[2] ** 2)) < 2
    assert all(np.any(gradient) for gradient in (*of_weights, *of_inputs.values()))


def test_layers_start_different():
    inputs = make_inputs(per_candidate=True)
    assert not np.allclose(*(make_layer()(*inputs.values()) for _ in range(2)))


def test_checkpoint_holds_every_weight(tmp_path):
    layer, other = make_layer(), make_layer()
    for built in (layer, other):
        built.build((B, None, D), (B, None, D))
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    inputs = make_inputs(per_candidate=True)
    np.testing.assert_array_equal(layer(*inputs.values()), other(*inputs.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalization": "sigmoid"}, r"`normalization` must be one of .*'sigmoid'"),
        ({"scale": "length"}, r"`scale` must be one of .*'length'"),
        ({"normalization": "softmax", "scale": "sqrt_length"}, r"`scale` must be 'none' with"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold at least one"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionPooling(**options)


@pytest.mark.parametrize(
    ("context", "message"),
    [((B, D + 2), r"AttentionPooling compares"), ((B, C, 2, D), r"AttentionPooling takes")],
)
def test_bad_shapes_are_refused(context, message):
    with pytest.raises(ValueError, match=message):
        make_layer().build((B, 5, D), context)
