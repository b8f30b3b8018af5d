import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.scenario_views import ScenarioViews
from tests.helpers import oracles
from tests.helpers.view_inputs import B, S, randomize

SIZE = 7
SCENARIO = np.array([[0, 1, 0, 0], [0.25, 0.25, 0.25, 0.25]], "float32")


def make_layer(**options):
    layer = ScenarioViews(SIZE, **options)
    layer.build((None, S))
    return randomize(layer)


def test_every_row_gets_the_views_of_all_scenarios():
    layer = make_layer()
    found = layer(SCENARIO)
    assert found.shape == (B, S, SIZE)
    ((kernel, bias),) = oracles.dense_pairs(layer.dense)
    for k in range(S):
        expected = oracles.dense(kernel, bias, layer.embeddings.value.numpy()[k])
        for b in range(B):
            np.testing.assert_allclose(found[b, k], expected, atol=1e-5)


def test_what_the_scenario_holds_never_matters():
    layer = make_layer()
    np.testing.assert_array_equal(layer(SCENARIO), layer(np.full((B, S), np.nan)))
    assert layer(SCENARIO[:0]).shape == (0, S, SIZE)


def test_views_start_different():
    views = np.asarray(ScenarioViews(32)(np.ones((1, 2))))[0]
    assert np.sqrt(np.mean((views[0] - views[1]) ** 2)) > 0.2


def test_gradients_reach_every_weight():
    layer = make_layer()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(SCENARIO) ** 2)
    for gradient in tape.gradient(total, [each.value for each in layer.trainable_variables]):
        assert np.isfinite(gradient).all() and np.any(gradient)


# Keras copies variables in a way that NumPy 2 warns about.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_functional_model_config_and_checkpoint(tmp_path):
    layer = make_layer()
    scenario = keras.Input((S,))
    views = layer(scenario)
    assert views.shape == (None, S, SIZE)
    model = keras.Model(scenario, views)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(SCENARIO), model(SCENARIO))
    config = json.loads(json.dumps(layer.get_config()))
    assert ScenarioViews.from_config(config).get_config() == layer.get_config()
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    other = ScenarioViews(SIZE)
    other.build((None, S))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other(SCENARIO), layer(SCENARIO))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    layer = ScenarioViews(SIZE, dtype=policy)
    assert keras.backend.standardize_dtype(layer(SCENARIO).dtype) == layer.compute_dtype
    assert {variable.dtype for variable in layer.trainable_variables} == {"float32"}


def test_bad_arguments_and_shapes_are_refused():
    with pytest.raises(ValueError, match="`size` must be a whole number from 1 on.*=0"):
        ScenarioViews(0)
    with pytest.raises(ValueError, match=r"of shape \(B, S\), S known.*\(2, None\)"):
        ScenarioViews(SIZE).build((B, None))
