import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.expert_bank import ExpertBank
from tests.helpers import oracles
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

B, C, D, K = 3, 5, 7, 2
ARGUMENTS = {"num_experts": K, "hidden_sizes": (11, 13)}


def make_inputs():
    return np.random.default_rng(1).normal(size=(B, C, D)).astype("float32")


def make_mask():
    return np.random.default_rng(4).random((B, C)) < 0.6


@pytest.mark.parametrize("batch_norm", [False, True])
def test_layer_contract(batch_norm):
    arguments = {**ARGUMENTS, "batch_norm": batch_norm}
    run_layer_checks(ExpertBank, arguments, {"inputs": make_inputs()}, (B, C, K))


@pytest.mark.parametrize("hidden_sizes", [(), (11,), (11, 13)])
def test_value_equals_each_expert_by_itself(hidden_sizes):
    layer, inputs = ExpertBank(K, hidden_sizes=hidden_sizes), make_inputs()
    found = layer(inputs)
    weights = oracles.dense_pairs(layer)
    expected = [[oracles.expert_bank(weights, x) for x in row] for row in inputs]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_leading_axes_are_kept_whatever_their_number():
    layer, inputs = ExpertBank(**ARGUMENTS), make_inputs()
    expected = layer(inputs)
    np.testing.assert_allclose(layer(inputs[0]), expected[0], atol=1e-6)
    np.testing.assert_allclose(layer(inputs[None]), expected[None], atol=1e-6)


def test_no_inputs_give_no_scores():
    outputs, of_weights, _ = outputs_and_gradients(
        ExpertBank(**ARGUMENTS), {"inputs": np.zeros((B, 0, D), "float32")}
    )
    assert outputs.shape == (B, 0, K)
    assert all(np.all(gradient == 0) for gradient in of_weights)


def test_experts_start_different_and_as_large_as_a_network_alone():
    layer = ExpertBank(K, hidden_sizes=(101,))
    layer.build((B, D))
    kernel = layer.get_weights()[0]
    assert not np.allclose(kernel[0], kernel[1])
    limit = np.sqrt(6 / (D + 101))
    assert 0.9 * limit < np.abs(kernel).max() <= limit


def test_an_expert_learns_from_its_own_score_only():
    layer, inputs = ExpertBank(**ARGUMENTS), make_inputs()
    layer.build(inputs.shape)
    with tf.GradientTape() as tape:
        score = tf.reduce_sum(layer(inputs)[..., 1])
    for gradient in tape.gradient(score, [v.value for v in layer.trainable_variables]):
        assert np.all(gradient[0] == 0) and np.any(gradient[1] != 0)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_padding_content_never_matters(batch_norm):
    class InTraining(ExpertBank):
        def call(self, inputs, inputs_mask):
            return super().call(inputs, inputs_mask=inputs_mask, training=True)

    layer = InTraining(**ARGUMENTS, batch_norm=batch_norm)
    inputs = {"inputs": make_inputs(), "inputs_mask": make_mask()}
    check_padding_never_matters(layer, inputs, "inputs", make_mask())


def test_batch_norm_standardizes_the_input_over_the_valid_positions():
    layer = ExpertBank(K, hidden_sizes=(), batch_norm=True)
    inputs = 5 + 3 * make_inputs()
    found = np.asarray(layer(inputs, inputs_mask=make_mask(), training=True))[make_mask()]
    valid = inputs[make_mask()]
    standardized = (valid - valid.mean(0)) / np.sqrt(valid.var(0) + 1e-3)
    weights = oracles.dense_pairs(layer)[:1]  # the statistics follow
    expected = [oracles.expert_bank(weights, x) for x in standardized]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_checkpoint_holds_every_weight(tmp_path):
    layer, other = (
        ExpertBank(**ARGUMENTS, batch_norm=True),
        ExpertBank(**ARGUMENTS, batch_norm=True),
    )
    for built in (layer, other):
        built.build((B, None, D))
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(layer(make_inputs()), other(make_inputs()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_experts": 0}, r"`num_experts` must be.*=0"),
        ({"num_experts": 2.0}, r"`num_experts` must be.*=2\.0"),
        ({"num_experts": K, "hidden_sizes": (3, 0)}, r"`hidden_sizes` must hold.*\(3, 0\)"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ExpertBank(**arguments)


def test_unknown_width_is_refused():
    with pytest.raises(ValueError, match=r"known last dimension.*None"):
        ExpertBank(K).build((B, None))
