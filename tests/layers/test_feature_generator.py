import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.feature_generator import FeatureGenerator
from tests.helpers import view_oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks
from tests.helpers.view_inputs import B, C, D, F, S, make_views_inputs, of_candidates, randomize

OPTIONS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"gate": "field", "field_sizes": (2, 3), "hidden_size": 11},
        {"gate": "field", "field_sizes": (1, 3, 1), "stop_gradient": False},
        {"scale": 2.0, "stop_gradient": False},
    ],
)


def make_layer(**options):
    layer = FeatureGenerator(**options)
    layer.build((B, C, D), (B, C, S, F))
    return randomize(layer)


def make_inputs(**sizes):
    return make_views_inputs("features", **sizes)


def test_layer_contract():
    options = {"gate": "field", "field_sizes": (2, 3), "hidden_size": 11}
    run_layer_checks(FeatureGenerator, options, make_inputs(), (B, C, S, D))


@OPTIONS
def test_value_equals_the_loop(options):
    layer, inputs = make_layer(**options), make_inputs()
    found = layer(*inputs.values())
    assert found.shape == (B, C, S, D)
    expected = of_candidates(view_oracles.feature_generator, layer, inputs)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def gates_of(layer, features, trigger):
    """Gates by the layer's own parts, differentiable by both."""
    gates = layer.gate_layer(layer.hidden_layer(features, trigger))
    gates = layer.scale * tf.sigmoid(gates)
    sizes = layer.field_sizes or (1,) * D
    return tf.repeat(gates, sizes, axis=-1)


@OPTIONS
@pytest.mark.parametrize("stop_gradient", [True, False])
def test_the_gradient_reaches_what_the_formula_allows(stop_gradient, options):
    layer = make_layer(**{**options, "stop_gradient": stop_gradient})
    inputs = make_inputs()
    scaled, trigger = (tf.convert_to_tensor(array) for array in inputs.values())
    read = tf.identity(scaled)
    with tf.GradientTape() as tape:
        tape.watch([scaled, read, trigger])
        outputs = gates_of(layer, read, trigger) * scaled[:, :, None]
        directions = np.random.default_rng(5).normal(size=outputs.shape).astype("float32")
        total = tf.reduce_sum(outputs * directions)
    product, condition, of_trigger = tape.gradient(total, [scaled, read, trigger])
    assert all(np.any(each) for each in (product, condition, of_trigger))
    _, of_weights, found = outputs_and_gradients(layer, inputs)
    expected = product if stop_gradient else product + condition
    np.testing.assert_allclose(found["features"], expected, atol=1e-5)
    np.testing.assert_allclose(found["trigger"], of_trigger, atol=1e-5)
    assert all(np.any(gradient) for gradient in of_weights)


def test_fields_are_scaled_as_a_whole():
    layer, inputs = make_layer(gate="field", field_sizes=(2, 3)), make_inputs()
    factors = np.asarray(layer(*inputs.values())) / inputs["features"][:, :, None]
    np.testing.assert_allclose(factors[..., 0], factors[..., 1], rtol=1e-5)
    np.testing.assert_allclose(factors[..., 2:4], factors[..., 3:5], rtol=1e-5)
    assert not np.allclose(factors[..., 1], factors[..., 2], rtol=1e-2)
    assert np.all((factors > 0) & (factors < 1))


@pytest.mark.parametrize(("width", "hidden"), [(3, 1), (4, 1), (29, 7)])
def test_hidden_layer_is_a_quarter_of_the_features(width, hidden):
    layer = FeatureGenerator()
    layer.build((B, C, width), (B, C, S, F))
    assert layer.hidden_layer.kernel.shape == (width + F, hidden)


@pytest.mark.parametrize("candidates", [1, 0])
def test_few_candidates(candidates):
    inputs = make_inputs(candidates=candidates)
    outputs, of_weights, _ = outputs_and_gradients(make_layer(), inputs)
    assert outputs.shape == (B, candidates, S, D)
    assert all(np.isfinite(gradient).all() for gradient in of_weights)


def test_checkpoint_holds_every_weight(tmp_path):
    layer, other = make_layer(), make_layer()
    other.set_weights([0 * each for each in other.get_weights()])
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    inputs = make_inputs()
    np.testing.assert_array_equal(layer(*inputs.values()), other(*inputs.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gate": "row"}, r"`gate` must be one of .*'row'"),
        ({"gate": "field"}, r"`field_sizes` must be given with `gate='field'`.*=None"),
        ({"field_sizes": (5,)}, r"`field_sizes` must be given with .*gate='element'"),
        ({"gate": "field", "field_sizes": (0, 5)}, r"`field_sizes` must hold whole numbers"),
        ({"scale": 0.0}, r"`scale` must be above 0.*=0.0"),
        ({"hidden_size": 0}, r"`hidden_size` must be a whole number from 1 on"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FeatureGenerator(**options)


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"FeatureGenerator takes `features` of shape \(B, C, D\)"):
        FeatureGenerator().build((B, D), (B, C, S, F))
    with pytest.raises(ValueError, match=r"needs `field_sizes` that add up to .*\(2, 2\)"):
        FeatureGenerator(gate="field", field_sizes=(2, 2)).build((B, C, D), (B, C, S, F))
