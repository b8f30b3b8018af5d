"""Half precision and compiled steps train as float32 does: the loss after 200 steps says so."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from ranking.training.loop import TrainingLoop
from ranking.training.optimizers import make_optimizer
from ranking.training.settings import TrainingSettings
from tests.helpers.model_spec import encoded_batch, search_spec

STEPS, BATCHES = 200, 20
FLOAT32 = TrainingSettings(learning_rate=1e-3)
WAYS = {
    "mixed_bfloat16": dataclasses.replace(FLOAT32, precision="mixed_bfloat16"),
    "mixed_float16": dataclasses.replace(FLOAT32, precision="mixed_float16"),
    "xla": dataclasses.replace(FLOAT32, xla=True),
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("way", WAYS)
def test_the_loss_after_200_steps_is_that_of_float32(way: str) -> None:
    first, last = _losses_of_float32()
    assert last < 0.85 * first, "nothing is learned"
    assert _losses(WAYS[way])[1] == pytest.approx(last, rel=0.01)


@functools.cache
def _losses_of_float32() -> tuple[float, float]:
    return _losses(FLOAT32)


def _losses(settings: TrainingSettings) -> tuple[float, float]:
    """The mean loss of the first and of the last pass over the batches."""
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy(settings.precision)
    try:
        spec = search_spec()
        # What the contrastive term leaves out is drawn at random, and otherwise in compiled steps.
        networks = build("aw_moe", spec, AwMoeSettings(contrastive_weight=0.0))
        optimizer = make_optimizer(settings, networks.training, STEPS)
        loop = TrainingLoop(networks, optimizer, tf.distribute.get_strategy(), xla=settings.xla)
        batches = loop.iterate(_simulated_clicks().repeat())
        passes = [loop.run(batches, BATCHES)["loss"] for _ in range(STEPS // BATCHES)]
    finally:
        keras.config.set_dtype_policy("float32")
    return passes[0], passes[-1]


def _simulated_clicks() -> tf.data.Dataset:
    """Batches whose users click more often on some items, and on categories of their past."""
    chance, drawn = np.random.default_rng(11), []
    popularity = chance.normal(0, 1.5, 1000)
    for seed in range(BATCHES):
        batch = encoded_batch(search_spec(), seed, sessions=64)
        category = batch["candidates_category"]
        is_known = (category[:, :, None] == batch["behaviors_category"][:, None]).any(-1)
        logits = popularity[batch["candidates_item"]] + 3.0 * is_known - 2.0
        clicks = chance.random(logits.shape) < 1 / (1 + np.exp(-logits))
        drawn.append(batch | {"labels_click": clicks.astype("float32")})
        drawn[-1]["user_id"] = drawn[-1]["user_id"].astype(str)
        drawn[-1]["session_id"] = np.arange(64).astype(str)
    stacked = {key: np.stack([batch[key] for batch in drawn]) for key in drawn[0]}
    return tf.data.Dataset.from_tensor_slices(stacked)
