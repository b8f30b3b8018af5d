"""Parts of a batch, and that computing in parts changes nothing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ranking.models.catalog import MODELS
from ranking.training.batch_parts import share_cores, split_sessions
from ranking.training.settings import TrainingSettings
from tests.helpers.encoded_batches import batch_dataset
from tests.helpers.logical_devices import two_replicas
from tests.helpers.model_spec import scenario_spec, search_spec
from tests.helpers.training_loops import training_loop
from tests.helpers.weights import numbers

THREADS = "TF_NUM_INTRAOP_THREADS"


@pytest.mark.parametrize(
    ("sessions", "parts", "sizes"), [(7, 1, [7]), (7, 3, [2, 2, 3]), (2, 3, [0, 1, 1])]
)
def test_parts_follow_each_other(sessions: int, parts: int, sizes: list[int]) -> None:
    batch = {
        "a": tf.range(sessions),
        "b": tf.reshape(tf.range(5 * sessions), (sessions, 5)),
    }
    found = split_sessions(batch, parts)
    assert [part["a"].shape[0] for part in found] == sizes
    for key, value in batch.items():
        np.testing.assert_array_equal(tf.concat([part[key] for part in found], 0), value)


@pytest.mark.parametrize("replicas", [1, 2])
def test_parts_give_the_weights_of_whole_batches(replicas: int) -> None:
    steps = 5
    strategy = two_replicas() if replicas == 2 else tf.distribute.get_strategy()
    results = []
    for parts in (1, 3):
        settings = TrainingSettings(optimizer="sgd", learning_rate=0.05, batch_parts=parts)
        loop = training_loop(strategy, search_spec(), settings, contrastive_weight="0")
        batches = batch_dataset(search_spec(), steps, sessions=14, parts=replicas)
        start = numbers(loop.networks.training.trainable_variables)
        values = loop.run(loop.iterate(batches), steps)
        results.append((values, numbers(loop.networks.training.trainable_variables)))
    (whole, weights), (in_parts, found) = results
    assert in_parts == pytest.approx(whole, rel=1e-5)
    for first, second in zip(weights, found, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(start, found, strict=True))


@pytest.mark.parametrize("model", MODELS)
def test_fewer_sessions_than_parts_train(model: str) -> None:
    spec = scenario_spec()
    settings = TrainingSettings(batch_parts=3)
    loop = training_loop(tf.distribute.get_strategy(), spec, settings, model=model)
    # Read from records, batches do not know their number of sessions before.
    batches = batch_dataset(spec, 2, sessions=2).unbatch().batch(2)
    values = loop.run(loop.iterate(batches), 2)
    assert values["finite_steps"] == 2
    for weight in numbers(loop.networks.training.weights):
        assert np.isfinite(weight).all()


def test_cores_are_shared_before_tensorflow_starts() -> None:
    program = (
        "import os, tensorflow as tf; from ranking.training.batch_parts import share_cores; "
        "os.cpu_count = lambda: 7; share_cores(3); tf.constant(0); "
        "print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    environment = {key: value for key, value in os.environ.items() if key != THREADS}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "2"


def test_cores_cannot_be_shared_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tf.constant(0)  # TensorFlow has started
    monkeypatch.delenv(THREADS, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 14)
    with pytest.raises(ValueError, match="`batch_parts` must be set before TensorFlow starts"):
        share_cores(2)
    share_cores(1)
    monkeypatch.setenv(THREADS, "1")
    share_cores(2)
