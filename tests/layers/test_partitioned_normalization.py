import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.partitioned_normalization import PartitionedNormalization
from tests.helpers import star_oracles
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)
from tests.helpers.logical_devices import two_replicas
from tests.helpers.numeric_gradient import numeric_gradient
from tests.helpers.scenario_batches import B, C, D, make_scenario_batch, shake_weights

EPSILON = 1e-3


class InTraining(PartitionedNormalization):
    def call(self, inputs, scenario, candidates_mask):
        return super().call(inputs, scenario, candidates_mask, training=True)


def make_inputs(num_scenarios=2, seed=1):
    batch = make_scenario_batch(num_scenarios, context=False, seed=seed)
    # Scenarios that differ, far from zero mean and unit variance.
    shift = batch["scenario"] @ np.linspace(3, -5, num_scenarios).astype("float32")
    batch["vectors"] = 2 * batch["vectors"] + shift[:, None, None]
    return {"inputs": batch.pop("vectors"), **batch}


def built(layer_class=PartitionedNormalization, num_scenarios=2, **arguments):
    layer = layer_class(**arguments)
    layer.build((B, C, D), (B, num_scenarios))
    shake_weights(layer)
    return layer


def expected_outputs(layer, inputs, means, variances):
    by = star_oracles.arrays(layer)
    return [
        [
            star_oracles.partitioned_normalization(by, x, weights, means, variances, EPSILON)
            for x in session
        ]
        for session, weights in zip(inputs["inputs"], inputs["scenario"], strict=True)
    ]


def test_layer_contract():
    run_layer_checks(PartitionedNormalization, {"momentum": 0.9}, make_inputs(), (B, C, D))


@pytest.mark.parametrize("num_scenarios", [2, 3])
def test_training_uses_the_statistics_of_each_scenarios_valid_rows(num_scenarios):
    layer, inputs = built(num_scenarios=num_scenarios), make_inputs(num_scenarios)
    found = np.asarray(layer(*inputs.values(), training=True))
    statistics = star_oracles.scenario_statistics(*inputs.values())
    expected = expected_outputs(layer, inputs, *zip(*statistics, strict=True))
    mask = inputs["candidates_mask"]
    np.testing.assert_allclose(found[mask], np.array(expected)[mask], atol=1e-4)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("num_scenarios", [2, 3])
def test_inference_uses_the_moving_statistics(num_scenarios):
    layer, inputs = built(num_scenarios=num_scenarios), make_inputs(num_scenarios)
    generator = np.random.default_rng(3)
    means, variances = generator.normal(size=(2, num_scenarios, D))
    variances = variances**2
    layer.moving_mean.assign(means)
    layer.moving_variance.assign(variances)
    expected = expected_outputs(layer, inputs, means, variances)
    for training in (None, False):
        found = np.asarray(layer(*inputs.values(), training=training))
        mask = inputs["candidates_mask"]
        np.testing.assert_allclose(found[mask], np.array(expected)[mask], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean.value, means.astype("float32"))


def test_moving_statistics_step_towards_those_of_every_batch():
    layer = built(num_scenarios=3, momentum=0.7)
    means, variances = np.zeros((3, D)), np.ones((3, D))
    for seed in (1, 2):
        inputs = make_inputs(3, seed)
        layer(*inputs.values(), training=True)
        for p, (mean, variance) in enumerate(star_oracles.scenario_statistics(*inputs.values())):
            means[p] = 0.7 * means[p] + 0.3 * mean
            variances[p] = 0.7 * variances[p] + 0.3 * variance
    np.testing.assert_allclose(layer.moving_mean.value, means, atol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.value, variances, rtol=1e-4)
    assert np.abs(means[0] - means[2]).min() > 0.5


def test_an_absent_scenario_keeps_its_statistics_and_causes_no_nan():
    layer, inputs = built(InTraining, num_scenarios=3, momentum=0.7), make_inputs(3)
    inputs["candidates_mask"][2] = False  # the unknown one, which counts everywhere
    layer.moving_mean.assign(np.full((3, D), 5.0))
    outputs, of_weights, of_inputs = outputs_and_gradients(layer, inputs)
    for array in (outputs, *of_weights, *of_inputs.values()):
        assert np.isfinite(array).all()
    np.testing.assert_array_equal(layer.moving_mean.value[1], 5.0)
    np.testing.assert_array_equal(layer.moving_variance.value[1], 1.0)
    assert np.all(layer.moving_mean.value[0] != 5.0)


def test_a_batch_of_nothing_changes_nothing():
    layer, inputs = built(InTraining), make_inputs()
    inputs["candidates_mask"][:] = False
    outputs, of_weights, _ = outputs_and_gradients(layer, inputs)
    assert all(np.isfinite(array).all() for array in (outputs, *of_weights))
    np.testing.assert_array_equal(layer.moving_mean.value, 0.0)
    np.testing.assert_array_equal(layer.moving_variance.value, 1.0)


def test_gradient_goes_through_the_statistics():
    layer, inputs = built(InTraining), make_inputs()
    mask = inputs["candidates_mask"]
    _, _, gradients = outputs_and_gradients(layer, inputs)
    directions = np.random.default_rng(5).normal(size=(B, C, D))

    def total(vectors):
        changed = {**inputs, "inputs": vectors}
        statistics = star_oracles.scenario_statistics(*changed.values())
        expected = expected_outputs(layer, changed, *zip(*statistics, strict=True))
        # What comes out at padding depends on the statistics too.
        cleared = {**inputs, "inputs": np.where(mask[..., None], vectors, 0.0)}
        of_padding = expected_outputs(layer, cleared, *zip(*statistics, strict=True))
        return np.sum(directions * np.where(mask[..., None], expected, of_padding))

    picked = inputs["inputs"].astype("float64")
    found = gradients["inputs"]
    for b, c, d in [(0, 1, 2), (1, 6, 3), (2, 4, 10), (3, 0, 5)]:

        def at(value, index=(b, c, d)):
            vectors = picked.copy()
            vectors[index] = value[0]
            return total(vectors)

        expected = numeric_gradient(at, np.array([picked[b, c, d]]))
        np.testing.assert_allclose(found[b, c, d], expected[0], rtol=2e-3, atol=1e-3)


def test_statistics_do_not_cancel_far_from_zero():
    layer, inputs = PartitionedNormalization(epsilon=1e-9), make_inputs()
    inputs["inputs"] += 1000.0
    found = np.asarray(layer(*inputs.values(), training=True))
    own = inputs["candidates_mask"] & (inputs["scenario"].max(-1, keepdims=True) == 1)
    statistics = star_oracles.scenario_statistics(*inputs.values())
    for b, c in np.argwhere(own):
        mean, variance = statistics[int(inputs["scenario"][b].argmax())]
        expected = (inputs["inputs"][b, c] - mean) / np.sqrt(variance)
        np.testing.assert_allclose(found[b, c], expected, atol=2e-3)


def test_padding_content_never_matters():
    class WithoutMemory(InTraining):  # so that every call starts from the same statistics
        def _step(self, moving, current, present):
            before = tf.identity(moving.value)
            stepped = super()._step(moving, current, present)
            moving.assign(before)
            return stepped

    inputs = make_inputs()
    for layer_class in (PartitionedNormalization, WithoutMemory):
        layer = built(layer_class)
        check_padding_never_matters(layer, inputs, "inputs", inputs["candidates_mask"])


def test_a_session_teaches_its_own_scenario_only():
    layer, inputs = built(InTraining, num_scenarios=3), make_inputs(3)
    inputs["candidates_mask"][[2, 3]] = False
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(*inputs.values())[0] ** 2)  # scenario 0
    parts = (layer.scenario_scale, layer.scenario_offset)
    for gradient in tape.gradient(total, [part.value for part in parts]):
        assert np.all(np.asarray(gradient[1:]) == 0) and np.all(np.asarray(gradient[0]) != 0)


def test_counts_of_weights():
    layer = built(num_scenarios=3)
    assert sum(int(np.prod(w.shape)) for w in layer.trainable_variables) == (1 + 3) * 2 * D
    assert sum(int(np.prod(w.shape)) for w in layer.non_trainable_variables) == 2 * 3 * D


def test_frozen_layer_uses_its_moving_statistics():
    layer, inputs = built(), make_inputs()
    layer.trainable = False
    trained = layer(*inputs.values(), training=True)
    np.testing.assert_array_equal(trained, layer(*inputs.values()))


def test_replicas_train_with_statistics_of_their_own():
    strategy = two_replicas()
    with strategy.scope():
        layer = built(momentum=0.0)
    inputs = make_inputs()

    @tf.function
    def step():
        def replica():
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            vectors = inputs["inputs"] + 100.0 * tf.cast(index, "float32")
            return layer(vectors, inputs["scenario"], inputs["candidates_mask"], training=True)

        return strategy.run(replica)

    first, second = strategy.experimental_local_results(step())
    # Each is standardized by its own mean, so the shift between them is gone.
    np.testing.assert_allclose(first[0][:3], second[0][:3], atol=1e-3)


def test_half_precision_keeps_large_inputs_finite():
    layer, inputs = built(dtype="mixed_float16"), make_inputs()
    inputs["inputs"] = (1000 * inputs["inputs"]).astype("float16")
    outputs = layer(*inputs.values(), training=True)
    assert outputs.dtype == "float16" and np.isfinite(np.asarray(outputs, "float32")).all()
    assert np.isfinite(layer.moving_variance.value).all()


def test_double_precision_gives_the_same():
    inputs = make_inputs()
    found = built(dtype="float64")(*inputs.values(), training=True)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, built()(*inputs.values(), training=True), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.0}, r"`momentum` must be at least 0 and below 1.*1\.0"),
        ({"epsilon": 0.0}, r"`epsilon` must be above 0.*0\.0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PartitionedNormalization(**arguments)
