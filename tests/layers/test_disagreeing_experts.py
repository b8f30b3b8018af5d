import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.disagreeing_experts import CHOICES, DisagreeingExperts
from tests.helpers import gate_oracles

N, K, CHOSEN = 11, 7, 3
LOGITS = np.random.default_rng(1).normal(size=(N, K)).astype("float32")
GATE = np.array([gate_oracles.top_k_gate(row, CHOSEN) for row in LOGITS], "float32")
CHOICE = pytest.mark.parametrize("choice", CHOICES)


def picked(count, choice, gate=GATE, logits=LOGITS, **more):
    return np.asarray(DisagreeingExperts(count, choice=choice, seed=1, **more)(gate, logits))


@CHOICE
@pytest.mark.parametrize("count", [1, 2, K - CHOSEN])
def test_as_many_as_told_are_picked_and_none_of_the_gate(count, choice):
    found = picked(count, choice)
    assert found.dtype == bool
    np.testing.assert_array_equal(found.sum(axis=-1), count)
    assert not (found & (GATE > 0)).any()


@CHOICE
def test_too_few_left_out_are_all_picked(choice):
    np.testing.assert_array_equal(picked(K - CHOSEN + 2, choice), GATE == 0)


@pytest.mark.parametrize("count", [1, 2])
def test_the_bottom_is_that_of_the_logits(count):
    found = picked(count, "bottom")
    for n in range(N):
        assert set(np.flatnonzero(found[n])) == set(gate_oracles.top_k(-LOGITS[n], count))


def test_random_ones_are_all_sets_equally_often():
    gate = np.repeat(GATE[:1], 6007, axis=0)
    found = picked(2, "random", gate, np.repeat(LOGITS[:1], 6007, axis=0))
    sets = list(itertools.combinations(np.flatnonzero(GATE[0] == 0), 2))
    shares = [np.mean(found[:, list(pair)].all(axis=1)) for pair in sets]
    np.testing.assert_allclose(shares, 1 / len(sets), atol=0.03)


def test_random_ones_are_drawn_anew_in_every_call():
    layer = DisagreeingExperts(1, seed=1)
    first, second = (np.asarray(layer(GATE, LOGITS)) for _ in range(2))
    assert not np.array_equal(first, second)


@CHOICE
def test_rows_may_have_any_shape(choice):
    shape = (1, N, K)
    assert picked(1, choice, GATE.reshape(shape), LOGITS.reshape(shape)).shape == shape


@CHOICE
def test_nan_where_padding_is_stays_there(choice):
    gate, logits = GATE.copy(), LOGITS.copy()
    gate[3], logits[3] = 0, np.nan
    expected = picked(1, choice)
    np.testing.assert_array_equal(
        np.delete(picked(1, choice, gate, logits), 3, axis=0), np.delete(expected, 3, axis=0)
    )


def test_functional_model_of_unknown_sizes():
    gate, logits = (keras.Input((None, K), name=name) for name in ("gate", "logits"))
    model = keras.Model([gate, logits], DisagreeingExperts(2, choice="bottom")(gate, logits))
    found = model([GATE[None], LOGITS[None]])
    np.testing.assert_array_equal(found[0], picked(2, "bottom"))


def test_a_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = DisagreeingExperts(1, seed=1), DisagreeingExperts(1, seed=2)
    layer(GATE, LOGITS)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(layer(GATE, LOGITS), other(GATE, LOGITS))


def test_config_makes_the_same_layer():
    layer = DisagreeingExperts(2, choice="bottom", seed=3, name="disagrees")
    document = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert keras.saving.deserialize_keras_object(document).get_config() == layer.get_config()
    assert {"count": 2, "choice": "bottom", "seed": 3}.items() <= layer.get_config().items()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`count` must be"):
        DisagreeingExperts(0)
    with pytest.raises(ValueError, match="`choice` must be one of"):
        DisagreeingExperts(1, choice="top")
    with pytest.raises(ValueError, match="at least as many experts as it picks"):
        DisagreeingExperts(K + 1)(GATE, LOGITS)
