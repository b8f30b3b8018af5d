import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.negative_sampler import NegativeSampler
from tests.helpers.logical_devices import two_replicas

N, COUNT = 11, 3
OWNERS = np.array([5, -2, 5, 9, 5, 7, 9, -2, 5, 3, 3])
VALID = np.array([1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1], bool)


def sample(layer, owners=OWNERS, valid=VALID):
    return tuple(np.asarray(array) for array in layer(owners, valid))


def allowed(anchor, owners=OWNERS, valid=VALID):
    """Rows that may be negatives of the anchor."""
    return [row for row in range(len(owners)) if valid[row] and owners[row] != owners[anchor]]


def test_negatives_are_valid_rows_of_other_owners():
    rows, found = sample(NegativeSampler(101, seed=1))
    assert rows.shape == found.shape == (N, 101)
    assert rows.dtype == "int32" and found.dtype == "bool"
    for anchor in range(N):
        assert np.all(found[anchor] == VALID[anchor])
        assert set(rows[anchor]) == set(allowed(anchor))


def test_draws_are_uniform_over_rows():
    count = 20011
    rows, _ = sample(NegativeSampler(count, seed=1))
    for anchor in range(N):
        shares = np.bincount(rows[anchor], minlength=N)[allowed(anchor)] / count
        expected = 1 / len(allowed(anchor))
        np.testing.assert_allclose(shares, expected, atol=5 * np.sqrt(expected / count))


def test_random_batches_never_give_the_own_or_an_invalid_row():
    generator, layer = np.random.default_rng(1), NegativeSampler(7, seed=1)
    for _ in range(50):
        size = int(generator.integers(1, 14))
        owners = generator.integers(0, 4, size)
        valid = generator.random(size) < 0.7
        rows, found = sample(layer, owners, valid)
        assert np.all((rows >= 0) & (rows < size))
        for anchor in range(size):
            candidates = allowed(anchor, owners, valid)
            assert np.all(found[anchor] == (bool(valid[anchor]) and bool(candidates)))
            if candidates:
                assert set(rows[anchor]) <= set(candidates)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_owners_may_be_any_numbers(dtype):
    limits = np.iinfo(dtype)
    owners = np.array([limits.max, limits.min, limits.max, limits.min], dtype)
    rows, found = sample(NegativeSampler(5, seed=1), owners, np.ones(4, bool))
    assert found.all() and np.all(owners[rows] != owners[:, None])


@pytest.mark.parametrize(
    ("owners", "valid"),
    [([4, 4, 4], [1, 1, 1]), ([1, 2, 3], [0, 0, 0]), ([1, 2, 2], [0, 1, 1]), ([1], [1])],
    ids=["one owner", "nothing valid", "one valid owner", "one row"],
)
def test_where_nothing_may_be_drawn_nothing_is_found(owners, valid):
    rows, found = sample(NegativeSampler(COUNT), np.array(owners), np.array(valid, bool))
    assert not found.any()
    assert np.all((rows >= 0) & (rows < len(owners)))


def test_empty_batch_gives_empty_results():
    rows, found = sample(NegativeSampler(COUNT), np.zeros(0, "int64"), np.zeros(0, bool))
    assert rows.shape == found.shape == (0, COUNT)


def test_every_call_draws_anew_and_a_seed_repeats_them():
    first, second = NegativeSampler(101, seed=1), NegativeSampler(101, seed=1)
    draws = [sample(first)[0] for _ in range(2)]
    assert not np.array_equal(*draws)
    np.testing.assert_array_equal([sample(second)[0] for _ in range(2)], draws)


def test_unknown_batch_size_in_a_graph():
    layer = NegativeSampler(COUNT, seed=1)
    signature = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.bool)
    graph = tf.function(lambda *arguments: layer(*arguments), input_signature=signature)
    for size in (N, 2, 0):
        rows, found = graph(OWNERS[:size], VALID[:size])
        assert rows.shape == found.shape == (size, COUNT)


def test_functional_model_and_config(tmp_path):
    layer = NegativeSampler(COUNT, seed=7)
    owners, valid = keras.Input((), dtype="int64"), keras.Input((), dtype="bool")
    rows, found = layer(owners, valid)
    assert rows.shape == found.shape == (None, COUNT)
    assert (rows.dtype, found.dtype) == ("int32", "bool")
    model = keras.Model([owners, valid], [rows, found])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(model([OWNERS, VALID]), loaded([OWNERS, VALID]), strict=True):
        np.testing.assert_array_equal(one, other)
    config = json.loads(json.dumps(layer.get_config()))
    assert NegativeSampler.from_config(config).get_config() == layer.get_config()


def test_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = NegativeSampler(101, seed=1), NegativeSampler(101, seed=2)
    sample(layer)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(sample(layer)[0], sample(other)[0])


def test_replicas_draw_from_their_own_part_of_the_batch():
    strategy = two_replicas()
    with strategy.scope():
        layer = NegativeSampler(COUNT, seed=1)
    owners = tf.constant([4, 5, 4, 5])

    @tf.function
    def step():
        return strategy.run(lambda: layer(owners, tf.ones((4,), tf.bool)))

    for _ in range(2):
        rows, found = step()
        assert all(part.numpy().all() for part in strategy.experimental_local_results(found))
        for part in strategy.experimental_local_results(rows):
            assert np.all(owners.numpy()[part.numpy()] != owners.numpy()[:, None])


def test_bad_arguments_and_shapes_are_refused():
    with pytest.raises(ValueError, match="`count` must be a whole number from 1 on.*=0"):
        NegativeSampler(0)
    with pytest.raises(ValueError, match=r"of shape \(N,\).*owners\.shape=\(11, 1\)"):
        NegativeSampler(COUNT)(OWNERS[:, None], VALID)
