import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.mlp import Mlp
from tests.helpers import oracles
from tests.helpers.layer_checks import check_padding_never_matters, run_layer_checks

B, C, D = 3, 5, 7


def make_inputs():
    return np.random.default_rng(1).normal(size=(B, C, D)).astype("float32")


@pytest.mark.parametrize(
    "arguments",
    [
        {"hidden_sizes": (11, 13), "output_size": 2},
        {"hidden_sizes": (11, 13)},
        {"hidden_sizes": (), "output_size": 2, "output_activation": "sigmoid"},
        {"hidden_sizes": (11,), "output_size": 2, "batch_norm": True, "dropout": 0.5},
    ],
)
def test_layer_contract(arguments):
    last = arguments.get("output_size") or arguments["hidden_sizes"][-1]
    run_layer_checks(Mlp, arguments, {"inputs": make_inputs()}, (B, C, last))


def test_value_equals_the_loop():
    layer, inputs = Mlp((11, 13), 2), make_inputs()
    found = layer(inputs)
    weights = oracles.dense_pairs(layer)
    expected = [[oracles.mlp(weights, x) for x in row] for row in inputs]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_output_layer_the_last_layer_is_activated():
    assert np.min(Mlp((11, 13))(make_inputs())) == 0.0


def test_output_activation_applies_to_the_output():
    outputs = np.asarray(Mlp((11,), 2, output_activation="sigmoid")(100 * make_inputs()))
    assert outputs.min() >= 0 and outputs.max() <= 1


def test_dropout_applies_in_training_only():
    layer, inputs = Mlp((101,), dropout=0.5), np.ones((1, D), "float32")
    evaluated, trained = layer(inputs), layer(inputs, training=True)
    np.testing.assert_array_equal(layer(inputs, training=False), evaluated)
    assert np.mean(np.asarray(trained) == 0) > np.mean(np.asarray(evaluated) == 0) + 0.1


def test_dropout_is_not_applied_to_the_output():
    layer = Mlp((101,), 2, dropout=0.9)
    outputs = np.asarray(layer(np.ones((50, D), "float32"), training=True))
    assert np.mean(outputs == 0) < 0.1


def test_batch_norm_standardizes_hidden_layers_over_the_valid_positions():
    layer = Mlp((11,), batch_norm=True, activation="linear")
    mask = np.random.default_rng(4).random((B, C)) < 0.6
    # Wide inputs, beside whose variance the one that Keras adds does not count.
    outputs = np.asarray(layer(100 * make_inputs(), inputs_mask=mask, training=True))[mask]
    np.testing.assert_allclose(outputs.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(0), 1.0, atol=1e-2)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_padding_content_never_matters(batch_norm):
    class InTraining(Mlp):
        def call(self, inputs, mask):
            return super().call(inputs, inputs_mask=mask, training=True)

    mask = np.random.default_rng(4).random((B, C)) < 0.6
    inputs = {"inputs": make_inputs(), "inputs_mask": mask}
    layer = InTraining((11, 13), 2, batch_norm=batch_norm)
    layer.build((B, C, D))
    check_padding_never_matters(layer, inputs, "inputs", mask)


def test_layers_start_different():
    first, second = Mlp((D, D)), Mlp((D, D))
    for layer in (first, second):
        layer.build((B, D))
    kernels = [layer.get_weights()[index] for layer in (first, second) for index in (0, 2)]
    for one in range(4):
        for other in range(one):
            assert not np.allclose(kernels[one], kernels[other])


def test_checkpoint_holds_every_weight(tmp_path):
    layer = Mlp((11, 13), 2, batch_norm=True)
    layer.build((B, D))
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    other = Mlp((11, 13), 2, batch_norm=True)
    other.build((B, D))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    for one, another in zip(layer.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


def test_output_initializer_is_used():
    layer = Mlp((11,), 2, output_initializer=keras.initializers.Zeros())
    np.testing.assert_array_equal(layer(make_inputs()), np.zeros((B, C, 2)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_sizes": (3, 0)}, r"`hidden_sizes` must hold whole numbers.*\(3, 0\)"),
        ({"hidden_sizes": "64"}, r"`hidden_sizes` must hold whole numbers.*'64'"),
        ({"hidden_sizes": (3,), "output_size": 0}, r"`output_size` must be.*=0"),
        ({"hidden_sizes": ()}, r"`hidden_sizes` must hold at least one"),
        ({"hidden_sizes": (3,), "dropout": 1.0}, r"`dropout` must be at least 0 and below 1.*1\.0"),
        ({"hidden_sizes": (3,), "output_activation": "relu"}, r"`output_activation` must come"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Mlp(**arguments)
