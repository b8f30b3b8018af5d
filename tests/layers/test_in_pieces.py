"""Pieces give what the whole gives, for every number of behaviors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.in_pieces import in_pieces
from ranking.layers.pair_unit import PairUnit

LARGE = 1 << 15  # 16 behaviors a piece


def _vectors(length: int) -> np.ndarray:
    return np.random.default_rng(length).normal(size=(2, length, 3)).astype("float32")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 131, 257])
@pytest.mark.parametrize("is_known", [True, False])
def test_the_result_is_that_of_the_whole(length, is_known):
    kernel = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    seen = []

    def function(part):
        seen.append(part.shape[1])
        return tf.nn.relu(part @ kernel)

    def run(vectors):
        return in_pieces(function, vectors, LARGE)

    if not is_known:
        run = tf.function(run, input_signature=[tf.TensorSpec((None, None, 3))])
    vectors = _vectors(length)
    expected = np.array([[np.maximum(row @ kernel, 0) for row in rows] for rows in vectors])
    np.testing.assert_allclose(run(vectors), expected.reshape(2, length, 5), rtol=1e-5, atol=1e-6)
    if is_known:
        assert max(seen) <= (16 if length > 128 else 128)


def test_a_pair_unit_scores_long_histories_alike_in_pieces_and_at_once():
    keras.utils.set_random_seed(5)
    unit = PairUnit(3, hidden_sizes=(7, 5))
    behaviors, context = _vectors(1009), _vectors(601)
    graph = tf.function(unit, input_signature=[tf.TensorSpec((None, None, 3))] * 2)
    # 2 x 601 x 7 numbers a behavior: 62 behaviors a piece, 1009 is more than 8 of those.
    whole = unit(behaviors, context, training=True)
    np.testing.assert_allclose(unit(behaviors, context), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(graph(behaviors, context), whole, rtol=1e-5, atol=1e-6)


def test_less_memory_is_held_at_once():
    unit = PairUnit(1, hidden_sizes=(7,))
    behaviors, context = _vectors(1009), _vectors(601)
    largest = []
    unit.activation = lambda hidden: largest.append(int(tf.size(hidden))) or tf.nn.relu(hidden)
    unit(behaviors, context, training=True)
    assert largest == [2 * 1009 * 601 * 7]
    largest.clear()
    unit(behaviors, context)
    assert len(largest) > 8 and max(largest) <= 1 << 19
