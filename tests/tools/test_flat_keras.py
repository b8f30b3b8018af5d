"""The flat model scores as the model in the session layout does, from the same weights."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from tests.helpers.model_spec import recommendation_spec, search_spec
from tools.flat_keras import flat_aw_moe
from tools.training_load import bench_spec, encoded_batch, flat_batch
from tools.training_steps import score_difference

SETTINGS = AwMoeSettings(
    hidden_size=7,
    activation_hidden_sizes=(11, 5),
    gate_hidden_sizes=(13,),
    expert_hidden_sizes=(17, 3),
    experts=3,
)


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(3)
    spec = bench_spec(5, 101)
    networks = build("aw_moe", spec, SETTINGS)
    for weight in networks.training.trainable_variables:
        weight.assign(np.random.default_rng(4).normal(0, 0.3, weight.shape))
    return spec, networks, flat_aw_moe(spec, SETTINGS)


@pytest.mark.parametrize("lengths", [(5, 5, 5), (0, 2, 5)])
def test_scores_are_equal_for_every_length_of_histories(models, lengths):
    spec, networks, flat = models
    batch = encoded_batch(spec, 3, 4, np.random.default_rng(5))
    batch["behaviors_length"] = tf.constant(lengths)
    assert score_difference(networks, flat, batch) < 1e-6


def test_other_weights_give_other_scores(models):
    spec, networks, flat = models
    batch = encoded_batch(spec, 3, 4, np.random.default_rng(5))
    score_difference(networks, flat, batch)
    rows = flat_batch(batch)
    inputs = {key: rows[key] for key in flat.input}
    before = flat(inputs).numpy()
    flat.get_layer("gate_bias").bias.assign_add([0.5, 0.0, 0.0])
    assert np.all(np.abs(flat(inputs).numpy() - before) > 1e-4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (search_spec(), r"ids or numbers.*other inputs .*'behaviors_topics'"),
        (dataclasses.replace(bench_spec(5, 101), roles=recommendation_spec().roles), r"a query"),
    ],
)
def test_specs_that_it_cannot_read_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        flat_aw_moe(spec, SETTINGS)
