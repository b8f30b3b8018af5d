import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.interest_extractor import InterestExtractor
from tests.helpers import view_oracles
from tests.helpers.layer_checks import outputs_and_gradients, run_layer_checks
from tests.helpers.view_inputs import B, C, D, F, S, make_views_inputs, of_candidates, randomize

OPTIONS = (
    {},
    {"hidden_sizes": ()},
    {"hidden_sizes": (11, 3), "use_bias": True},
    {"weight_generator": "low_rank", "rank": 2, "use_bias": True},
    {"sharing": "per_view", "activation": "relu"},
    {"residual": True, "weight_generator": "low_rank", "rank": 3, "sharing": "per_view"},
)
STOPS = pytest.mark.parametrize("stop", ["user", "condition", "input"])


def make_layer(**options):
    layer = InterestExtractor(**{"hidden_sizes": (11,), **options})
    layer.build((B, C, D), (B, C, S, F))
    return randomize(layer)


@pytest.mark.parametrize("options", [OPTIONS[0], {**OPTIONS[3], "sharing": "per_view"}])
def test_layer_contract(options):
    run_layer_checks(InterestExtractor, options, make_views_inputs(), (B, C, S, D))


@pytest.mark.parametrize("options", OPTIONS)
def test_value_equals_the_loop(options):
    layer, inputs = make_layer(**options), make_views_inputs()
    found = layer(*inputs.values())
    assert found.shape == (B, C, S, D)
    expected = of_candidates(view_oracles.interest_extractor, layer, inputs)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def gradients_by_path(layer, inputs):
    """Gradients through the product, through the condition's interest and through the trigger."""
    interest, trigger = (tf.convert_to_tensor(array) for array in inputs.values())
    multiplied, condition = tf.identity(interest), tf.identity(interest)
    with tf.GradientTape() as tape:
        tape.watch([multiplied, condition, trigger])
        outputs = layer.generator_0(multiplied, condition, trigger)
        if layer.residual:
            outputs = outputs + multiplied[:, :, None]
        directions = np.random.default_rng(5).normal(size=outputs.shape).astype("float32")
        total = tf.reduce_sum(outputs * directions)
    return [each.numpy() for each in tape.gradient(total, [multiplied, condition, trigger])]


@STOPS
@pytest.mark.parametrize("residual", [False, True])
def test_the_gradient_reaches_what_the_formula_allows(stop, residual):
    layer = make_layer(condition_stop_gradient=stop, residual=residual)
    inputs = make_views_inputs()
    product, condition, trigger = gradients_by_path(layer, inputs)
    assert all(np.any(each) for each in (product, condition, trigger))
    assert not np.allclose(product, condition, atol=1e-2)
    _, of_weights, found = outputs_and_gradients(layer, inputs)
    expected = {"user": product, "condition": product, "input": condition}[stop]
    np.testing.assert_allclose(found["interest"], expected, atol=1e-4)
    expected = np.zeros_like(trigger) if stop == "condition" else trigger
    np.testing.assert_allclose(found["trigger"], expected, atol=1e-4)
    assert np.any(found["trigger"]) == (stop != "condition")
    assert all(np.any(gradient) for gradient in of_weights)


@pytest.mark.parametrize("options", OPTIONS)
def test_where_the_gradient_stops_the_values_do_not(options):
    inputs = make_views_inputs()
    values = [
        make_layer(condition_stop_gradient=stop, **options)(*inputs.values())
        for stop in ("user", "condition", "input")
    ]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


@pytest.mark.parametrize("options", OPTIONS)
def test_gradient_equals_the_difference_with_the_condition_held(options):
    """By the trigger, whose gradient nothing stops."""
    layer, inputs = make_layer(**options), make_views_inputs()
    outputs, _, gradients = outputs_and_gradients(layer, inputs)
    weights = np.random.default_rng(5).normal(size=outputs.shape).astype("float32")
    direction = np.random.default_rng(6).normal(size=inputs["trigger"].shape)
    totals = []
    for sign in (-1, 1):
        moved = {**inputs, "trigger": inputs["trigger"] + sign * 1e-5 * direction}
        values = of_candidates(view_oracles.interest_extractor, layer, moved)
        totals.append(np.sum(values * weights))
    expected = (totals[1] - totals[0]) / 2e-5
    np.testing.assert_allclose(np.sum(gradients["trigger"] * direction), expected, rtol=1e-3)


def test_one_generator_or_one_for_each_view():
    shared, own = make_layer(), make_layer(sharing="per_view")
    assert len(own.get_weights()) == S * len(shared.get_weights())
    inputs = make_views_inputs()
    inputs["trigger"][:] = inputs["trigger"][:, :, :1]
    same, different = shared(*inputs.values()), own(*inputs.values())
    np.testing.assert_allclose(same[:, :, 1], same[:, :, 0], atol=1e-6)
    assert not np.allclose(different[:, :, 1], different[:, :, 0], atol=1e-2)


def test_interests_start_about_as_long_as_what_they_come_from():
    layer = InterestExtractor()
    generator = np.random.default_rng(1)
    interest, trigger = generator.normal(size=(7, 11, 32)), generator.normal(size=(7, 11, 2, 96))
    length = np.sqrt(np.mean(np.asarray(layer(interest, trigger)) ** 2))
    assert 0.3 < length < 3


@pytest.mark.parametrize("candidates", [1, 0])
def test_few_candidates(candidates):
    inputs = make_views_inputs(candidates=candidates)
    outputs, of_weights, _ = outputs_and_gradients(make_layer(), inputs)
    assert outputs.shape == (B, candidates, S, D)
    assert all(np.isfinite(gradient).all() for gradient in of_weights)


def test_checkpoint_holds_every_weight(tmp_path):
    options = {"weight_generator": "low_rank", "sharing": "per_view", "use_bias": True}
    layer, other = make_layer(**options), make_layer(**options)
    other.set_weights([0 * each for each in other.get_weights()])
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    inputs = make_views_inputs()
    np.testing.assert_array_equal(layer(*inputs.values()), other(*inputs.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition_stop_gradient": "none"}, r"`condition_stop_gradient` must be one of .*'none'"),
        ({"weight_generator": "half"}, r"`weight_generator` must be one of .*'half'"),
        ({"rank": 0}, r"`rank` must be a whole number from 1 on"),
        ({"hidden_sizes": (0,)}, r"`hidden_sizes` must hold whole numbers from 1 on"),
        ({"sharing": "none"}, r"`sharing` must be one of .*'none'"),
        ({"activation": "tanh"}, r"`activation` must be one of .*'tanh'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        InterestExtractor(**options)


@pytest.mark.parametrize("trigger", [(B, C, F), (B, C, None, F)])
def test_bad_shapes_are_refused(trigger):
    with pytest.raises(
        ValueError, match=r"InterestExtractor takes `interest` of shape \(B, C, d\)"
    ):
        InterestExtractor().build((B, C, D), trigger)
