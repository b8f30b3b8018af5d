import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.top_k_gate import NOISE_SCALES, TopKGate
from tests.helpers import gate_oracles
from tests.helpers.logical_devices import two_replicas
from tests.helpers.numeric_gradient import numeric_gradient

N, K = 13, 5
CHANCE = np.random.default_rng(1)
LOGITS = CHANCE.normal(size=(N, K)).astype("float32")
NOISE = CHANCE.normal(size=(N, K)).astype("float32")
KEPT = pytest.mark.parametrize("k", [1, 2, 4])
SCALES = pytest.mark.parametrize("scale", NOISE_SCALES)


def drawn_noise(layer, shape):
    """The normal draws of the layer's first call."""
    return np.asarray(keras.random.normal(shape, seed=keras.random.SeedGenerator(layer.seed)))


def scale_of(noise, scale):
    scales = {"softplus": np.log1p(np.exp(noise)), "clip": np.maximum(noise, 0), "raw": noise}
    return scales[scale]


def call(layer, logits=LOGITS, noise=NOISE, **more):
    gate, load = layer(logits, noise, **more)
    return np.asarray(gate), np.asarray(load)


@KEPT
def test_gate_without_noise_equals_the_loop(k):
    for arguments in ({}, {"noise": None, "training": True}):
        gate, load = call(TopKGate(k), **arguments)
        for n in range(N):
            expected = gate_oracles.top_k_gate(LOGITS[n], k)
            np.testing.assert_allclose(gate[n], expected, atol=1e-6)
            np.testing.assert_array_equal(load[n], expected > 0)


@KEPT
@SCALES
def test_gate_and_load_under_noise_equal_the_loop(k, scale):
    layer = TopKGate(k, noise_scale=scale, seed=7)
    gate, load = call(layer, training=True)
    deviation = scale_of(NOISE, scale)
    noisy = LOGITS + deviation * drawn_noise(layer, (N, K))
    for n in range(N):
        np.testing.assert_allclose(gate[n], gate_oracles.top_k_gate(noisy[n], k), atol=1e-5)
        floored = np.maximum(np.abs(deviation[n]), 1e-2)
        expected = gate_oracles.load(LOGITS[n], noisy[n], floored, k)
        np.testing.assert_allclose(load[n], expected, atol=1e-5)


@KEPT
@pytest.mark.parametrize("training", [False, True])
def test_exactly_k_experts_are_chosen_also_where_logits_are_equal(k, training):
    for logits in (LOGITS, np.zeros((N, K), "float32")):
        gate, _ = call(TopKGate(k), logits, training=training)
        np.testing.assert_array_equal(np.count_nonzero(gate, axis=-1), k)
        np.testing.assert_allclose(gate.sum(axis=-1), 1, rtol=1e-6)


def test_load_is_the_share_of_redrawn_noise_that_would_choose_the_expert():
    layer, k, n = TopKGate(2, seed=7), 2, 3
    _, load = call(layer, training=True)
    deviation = scale_of(NOISE, "softplus")
    noisy = (LOGITS + deviation * drawn_noise(layer, (N, K)))[n]
    for i in range(K):
        redrawn = np.repeat(noisy[None], 20000, axis=0)
        redrawn[:, i] = LOGITS[n, i] + deviation[n, i] * CHANCE.normal(size=20000)
        share = np.mean((redrawn > redrawn[:, i : i + 1]).sum(axis=1) < k)
        assert share == pytest.approx(load[n, i], abs=4 * 0.5 / math.sqrt(20000))


def test_equal_logits_choose_every_expert_equally_often():
    zeros = np.zeros((20011, K), "float32")
    gate, load = call(TopKGate(2, seed=1), zeros, zeros, training=True)
    np.testing.assert_allclose((gate > 0).mean(axis=0), 2 / K, atol=0.02)
    np.testing.assert_allclose(load.mean(axis=0), 2 / K, atol=0.02)


def test_gradient_of_the_gate_is_that_of_the_softmax_over_the_chosen():
    with tf.GradientTape() as tape:
        logits = tf.constant(LOGITS)
        tape.watch(logits)
        gate, _ = TopKGate(2)(logits)
        total = tf.reduce_sum(gate * NOISE)
    found = tape.gradient(total, logits).numpy()
    for n in range(N):
        kept = gate_oracles.top_k(LOGITS[n], 2)

        def of_kept(values, n=n, kept=kept):
            shares = np.exp(values) / np.exp(values).sum()
            return (shares * NOISE[n, kept]).sum()

        expected = np.zeros(K)
        expected[kept] = numeric_gradient(of_kept, LOGITS[n, kept].astype("float64"))
        np.testing.assert_allclose(found[n], expected, atol=1e-5)


@SCALES
def test_gradient_of_the_load_equals_the_difference(scale):
    layer, directions = TopKGate(2, noise_scale=scale, seed=7), CHANCE.normal(size=(N, K))
    noise = np.abs(NOISE) + 0.3
    draws = drawn_noise(layer, (N, K)).astype("float64")

    def total(logits, noise):
        deviation = scale_of(noise, scale)
        noisy = logits + deviation * draws
        rows = [gate_oracles.load(logits[n], noisy[n], deviation[n], 2) for n in range(N)]
        return float((np.array(rows) * directions).sum())

    with tf.GradientTape() as tape:
        arguments = [tf.constant(LOGITS), tf.constant(noise)]
        tape.watch(arguments)
        _, load = layer(*arguments, training=True)
        found = tape.gradient(tf.reduce_sum(load * directions.astype("float32")), arguments)
    exact = LOGITS.astype("float64"), noise.astype("float64")
    expected = [
        numeric_gradient(lambda logits: total(logits, exact[1]), exact[0]),
        numeric_gradient(lambda noise: total(exact[0], noise), exact[1]),
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


@SCALES
@pytest.mark.parametrize("noise", [-200.0, 0.0, 200.0])
def test_any_scale_of_noise_keeps_gradients_finite(scale, noise):
    with tf.GradientTape() as tape:
        arguments = [tf.constant(LOGITS), tf.fill((N, K), noise)]
        tape.watch(arguments)
        gate, load = TopKGate(2, noise_scale=scale)(*arguments, training=True)
        total = tf.reduce_sum(gate * NOISE) + tf.reduce_sum(load * NOISE)
    assert np.isfinite(gate).all() and np.isfinite(load).all()
    assert all(np.isfinite(gradient).all() for gradient in tape.gradient(total, arguments))


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_padding_content_never_matters(filler):
    mask = np.arange(N) % 3 > 0
    results = []
    for content in (0.0, filler):
        arguments = [np.where(mask[:, None], x, np.float32(content)) for x in (LOGITS, NOISE)]
        with tf.GradientTape() as tape:
            arguments = [tf.constant(argument) for argument in arguments]
            tape.watch(arguments)
            gate, load = TopKGate(2, seed=1)(*arguments, mask, training=True)
            total = tf.reduce_sum(gate * LOGITS) + tf.reduce_sum(load * NOISE)
        results.append([gate, load, *tape.gradient(total, arguments)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(other[~mask], 0)


def test_rows_may_have_any_shape_and_none_at_all():
    layer = TopKGate(2)
    flat, _ = call(layer)
    gate, load = call(layer, LOGITS[:12].reshape(3, 4, K), NOISE[:12].reshape(3, 4, K))
    np.testing.assert_array_equal(gate.reshape(12, K), flat[:12])
    assert call(layer, LOGITS[:0], NOISE[:0])[0].shape == (0, K)
    assert load.dtype == gate.dtype == "float32"


def test_functional_model_of_unknown_sizes_runs_compiled():
    logits, noise = (keras.Input((None, K), name=name) for name in ("logits", "noise"))
    mask = keras.Input((None,), dtype="bool", name="mask")
    model = keras.Model([logits, noise, mask], TopKGate(2)(logits, noise, mask))
    arguments = [LOGITS[None], NOISE[None], np.ones((1, N), bool)]
    gate, _ = tf.function(lambda *inputs: model(list(inputs), training=False), jit_compile=True)(
        *map(tf.constant, arguments)
    )
    np.testing.assert_allclose(gate[0], call(TopKGate(2))[0], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_changes_nothing(policy):
    gate, load = call(TopKGate(2, dtype=policy))
    np.testing.assert_array_equal(gate, call(TopKGate(2))[0])
    assert gate.dtype == load.dtype == "float32"


def test_config_makes_the_same_layer():
    layer = TopKGate(2, noise_scale="clip", seed=3, name="chooses")
    document = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert keras.saving.deserialize_keras_object(document).get_config() == layer.get_config()
    assert {"k": 2, "noise_scale": "clip", "seed": 3}.items() <= layer.get_config().items()


def test_every_call_draws_anew_and_a_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = TopKGate(2, seed=1), TopKGate(2, seed=2)
    first = call(layer, training=True)[1]
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    second = call(layer, training=True)[1]
    assert not np.array_equal(first, second)
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(call(other, training=True)[1], second)


def test_replicas_draw_anew_in_every_step():
    strategy = two_replicas()
    with strategy.scope():
        layer = TopKGate(2, seed=1)
    step = tf.function(lambda: strategy.run(lambda: layer(LOGITS, NOISE, training=True)[1]))
    draws = [
        [np.asarray(drawn) for drawn in strategy.experimental_local_results(step())]
        for _ in range(2)
    ]
    for one, other in zip(*draws, strict=True):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"k": 0}, "`k` must be"), ({"k": 2, "noise_scale": "exp"}, "`noise_scale` must be one of")],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TopKGate(**options)


@pytest.mark.parametrize("k", [K, K + 1])
def test_keeping_all_experts_is_refused(k):
    with pytest.raises(ValueError, match=rf"more experts than it keeps.*k={k}"):
        TopKGate(k)(LOGITS)
