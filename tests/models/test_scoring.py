import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.category_moe import CategoryMoeSettings
from ranking.models.din import DinSettings
from ranking.models.scoring import GatedScores, full_scores
from tests.helpers.model_spec import encoded_batch, inputs_of, search_spec
from tests.helpers.network_checks import small_networks

SIZES = {"hidden_size": 5, "activation_hidden_sizes": (3,)}
EXPERTS = SIZES | {"experts": 3, "expert_hidden_sizes": (7, 2)}
MODELS = [
    ("aw_moe", AwMoeSettings(**EXPERTS, gate_hidden_sizes=(3,)), 2),
    ("aw_moe", AwMoeSettings(**EXPERTS, gate_hidden_sizes=(3,), gate_context="target"), 3),
    ("category_moe", CategoryMoeSettings(**EXPERTS), 3),
    ("din", DinSettings(**SIZES), None),
]


@pytest.fixture(scope="module")
def batch():
    return encoded_batch(search_spec(), sessions=7)


@pytest.mark.parametrize(("model", "settings", "rank"), MODELS)
def test_the_gate_comes_beside_the_same_scores(batch, model, settings, rank):
    networks = small_networks(model, search_spec(), settings)
    scores = GatedScores(networks)
    read = {key: tf.constant(batch[key]) for key in scores.keys}
    found = {name: value.numpy() for name, value in tf.function(scores)(read).items()}
    plain = tf.function(lambda batch: full_scores(networks, batch))(read)
    assert found["click"].tobytes() == plain["click"].numpy().tobytes()
    assert set(found) == ({"click"} if rank is None else {"click", "gate"})
    if rank is not None:
        training = networks.training
        inputs = inputs_of(training, batch | {"owner": np.zeros(7, np.int64)})
        expected = np.asarray(training(inputs, training=False)["gate"])
        assert found["gate"].ndim == rank and found["gate"].shape[-1] == 3
        np.testing.assert_allclose(found["gate"], expected, rtol=1e-6)


def test_a_task_that_is_called_gate_keeps_its_scores():
    price = keras.Input((None,), name="price")
    score = keras.Model({"price": price}, {"gate": 2 * price})
    training = keras.Model({"price": price}, {"gate": 3 * price})
    networks = types.SimpleNamespace(training=training, score=score, gate=None)
    (value,) = GatedScores(networks)({"price": np.array([[7.0]], np.float32)}).values()
    assert np.asarray(value).tolist() == [[14.0]]
