import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.positive_sampler import PositiveSampler
from tests.helpers.logical_devices import two_replicas

VALID = np.array([1, 0, 1, 1, 0, 1, 1], bool)
N = len(VALID)


def sample(layer, valid=VALID):
    return np.asarray(layer(valid))


def test_a_permutation_of_valid_rows_without_fixed_points():
    layer, rows = PositiveSampler(seed=1), np.flatnonzero(VALID)
    for _ in range(20):
        found = sample(layer)
        assert found.dtype == "int32" and found.shape == (N,)
        assert sorted(found[VALID]) == rows.tolist()
        assert not np.any(found[VALID] == rows)
        np.testing.assert_array_equal(found[~VALID], np.flatnonzero(~VALID))


def test_every_other_row_is_equally_likely():
    layer, draws = PositiveSampler(seed=1), 2003
    draw = tf.function(lambda: tf.map_fn(lambda _: layer(VALID), tf.range(draws)))
    found = draw().numpy()
    rows = np.flatnonzero(VALID)
    for row in rows:
        shares = np.bincount(found[:, row], minlength=N)[rows[rows != row]] / draws
        np.testing.assert_allclose(shares, 0.25, atol=5 * np.sqrt(0.25 / draws))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 17])
def test_any_number_of_valid_rows(size):
    found = sample(PositiveSampler(seed=1), np.ones(size, bool))
    assert sorted(found) == list(range(size))
    assert not np.any(found == np.arange(size)) or size == 1


@pytest.mark.parametrize("valid", [[0, 0, 0], [0, 1, 0], [1]])
def test_without_two_valid_rows_every_row_gets_itself(valid):
    found = sample(PositiveSampler(seed=1), np.array(valid, bool))
    np.testing.assert_array_equal(found, np.arange(len(valid)))


def test_every_call_draws_anew_and_a_seed_repeats_them():
    valid = np.ones(101, bool)
    first, second = PositiveSampler(seed=1), PositiveSampler(seed=1)
    draws = [sample(first, valid) for _ in range(2)]
    assert not np.array_equal(*draws)
    np.testing.assert_array_equal([sample(second, valid) for _ in range(2)], draws)


def test_functional_model_and_config(tmp_path):
    layer = PositiveSampler(seed=7)
    valid = keras.Input((), dtype="bool")
    rows = layer(valid)
    assert rows.shape == (None,) and rows.dtype == "int32"
    model = keras.Model(valid, rows)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(VALID), model(VALID))
    config = json.loads(json.dumps(layer.get_config()))
    assert PositiveSampler.from_config(config).get_config() == layer.get_config()


def test_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = PositiveSampler(seed=1), PositiveSampler(seed=2)
    sample(layer)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(sample(layer), sample(other))


def test_replicas_draw_from_their_own_part_of_the_batch():
    strategy = two_replicas()
    with strategy.scope():
        layer = PositiveSampler(seed=1)

    @tf.function
    def step():
        return strategy.run(lambda: layer(tf.ones((5,), tf.bool)))

    for part in strategy.experimental_local_results(step()):
        assert sorted(part.numpy()) == list(range(5))


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match=r"of shape \(N,\).*valid\.shape=\(7, 1\)"):
        PositiveSampler()(VALID[:, None])
