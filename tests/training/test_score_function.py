import types

import keras
import numpy as np
import pytest

from ranking.training.score_function import score_function


@pytest.fixture
def networks():
    """Scores are a candidate's price times the session's gate, which is its visits."""
    visits = keras.Input((), name="visits")
    price = keras.Input((None,), name="candidates_price")
    gate = keras.Input((1,), name="gate")
    return types.SimpleNamespace(
        score=keras.Model({"candidates_price": price, "gate": gate}, {"click": price * gate}),
        gate=keras.Model({"visits": visits}, {"gate": keras.ops.expand_dims(visits, -1)}),
    )


def test_gate_and_score_read_their_part_of_the_batch(networks):
    score = score_function(networks)
    for size in (2, 3, 5):
        batch = {
            "visits": np.arange(size, dtype=np.float32),
            "candidates_price": np.full((size, 2 * size), 7, np.float32),
            "session_id": np.array([b"s"] * size, dtype=object),
        }
        expected = 7.0 * np.arange(size)[:, None] * np.ones((size, 2 * size))
        np.testing.assert_allclose(score(batch)["click"], expected)


def test_weights_are_read_when_it_is_called():
    dense = keras.layers.Dense(1, use_bias=False)
    price = keras.Input((1,), name="price")
    score = keras.Model({"price": price}, {"click": dense(price)})
    networks = types.SimpleNamespace(training=score, score=score, gate=None)
    score = score_function(networks)
    for weight in (3.0, 5.0):
        dense.kernel.assign([[weight]])
        assert float(score({"price": np.ones((1, 1), np.float32)})["click"][0, 0]) == weight


def test_the_gate_comes_beside_the_scores(networks):
    visits = np.array([3, 5], np.float32)
    batch = {"visits": visits, "candidates_price": np.ones((2, 7), np.float32)}
    np.testing.assert_array_equal(score_function(networks)(batch)["gate"], visits[:, None])
