"""The training loop: what a step computes, and that replicas do not change it."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.networks import LossTerm
from ranking.training.loop import TrainingLoop
from ranking.training.settings import TrainingSettings
from tests.helpers.encoded_batches import batch_dataset
from tests.helpers.logical_devices import two_replicas
from tests.helpers.model_spec import recommendation_spec, search_spec
from tests.helpers.training_loops import training_loop
from tests.helpers.weights import numbers

SGD = TrainingSettings(optimizer="sgd", learning_rate=0.05)


def _loop(strategy, spec, settings=SGD, **options) -> TrainingLoop:
    return training_loop(strategy, spec, settings, **options)


def _weights(loop: TrainingLoop) -> list[np.ndarray]:
    return numbers(loop.networks.training.trainable_variables)


def test_two_replicas_give_the_weights_of_one() -> None:
    spec, steps = search_spec(), 20
    one = _loop(tf.distribute.get_strategy(), spec, contrastive_weight="0")
    two = _loop(two_replicas(), spec, contrastive_weight="0")
    start = _weights(one)
    losses_one = one.run(one.iterate(batch_dataset(spec, steps)), steps)
    losses_two = two.run(two.iterate(batch_dataset(spec, steps, parts=2)), steps)
    for name, value in losses_one.items():
        assert losses_two[name] == pytest.approx(value, rel=1e-5), name
    for first, second in zip(_weights(one), _weights(two), strict=True):
        np.testing.assert_allclose(first, second, atol=2e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(start, _weights(one), strict=True))


def test_step_is_gradient_descent_on_the_weighted_means() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec, model="din")
    batch = next(iter(batch_dataset(spec, 1)))
    network = loop.networks.training
    before = _weights(loop)
    with tf.GradientTape() as tape:
        outputs = network({tensor.name: batch[tensor.name] for tensor in network.inputs})
        labels, logits = batch["labels_click"], outputs["logits_click"]
        valid = tf.sequence_mask(batch["candidates_length"], tf.shape(logits)[1])
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(entropy[valid])
    gradients = tape.gradient(loss, network.trainable_variables)
    values = loop.run(loop.iterate(batch_dataset(spec, 1)), 1)
    assert values["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert values["candidates"] == float(tf.reduce_sum(batch["candidates_length"]))
    for weight, old, gradient in zip(_weights(loop), before, gradients, strict=True):
        np.testing.assert_allclose(
            weight, old - 0.05 * tf.convert_to_tensor(gradient).numpy(), atol=1e-6
        )


def test_terms_add_up_with_their_weights() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec, contrastive_weight="0.25")
    values = loop.run(loop.iterate(batch_dataset(spec, 3)), 3)
    assert values["contrastive"] > 0
    expected = values["ranking"] + 0.25 * values["contrastive"]
    assert values["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_padding_alone_changes_nothing() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec)
    empty = batch_dataset(spec, 1).map(
        lambda batch: {**batch, "candidates_length": tf.zeros_like(batch["candidates_length"])}
    )
    before = _weights(loop)
    values = loop.run(loop.iterate(empty), 1)
    assert values["loss"] == 0.0
    for old, new in zip(before, _weights(loop), strict=True):
        np.testing.assert_array_equal(old, new)


def test_many_steps_are_one_compiled_call() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec)
    for count in (2, 3):
        loop.run(loop.iterate(batch_dataset(spec, 4)), count)
    assert loop._steps.experimental_get_tracing_count() == 1


def test_owners_are_users_where_the_model_asks_for_them() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec)
    batch = next(iter(loop.iterate(batch_dataset(spec, 1))))
    owners = batch["owner"].numpy()
    assert owners[0] == owners[1] and owners[0] != owners[2]
    assert "user_id" not in batch


@pytest.mark.parametrize(
    ("known", "unknown", "dtype"),
    [
        ("ada", "", tf.string),
        (-7, 0, tf.int64),
        (1, -1, tf.int64),
        (7.0, math.nan, tf.float32),
        (2, 1, tf.int32),
    ],
    ids=["text", "number", "no number", "NaN", "id"],
)
def test_sessions_of_unknown_users_are_not_one_users(known, unknown, dtype) -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec)

    def without_users(batch):
        rows = tf.shape(batch["user_id"])[0]
        nobody = tf.fill([rows - 2], tf.constant(unknown, dtype))
        users = tf.concat([tf.constant([known, known], dtype), nobody], axis=0)
        return {**batch, "user_id": users}

    batch = next(iter(loop.iterate(batch_dataset(spec, 1).map(without_users))))
    owners = batch["owner"].numpy()
    assert len(owners) > 3 and len(set(owners)) == len(owners) - 1
    assert owners[0] == owners[1] >= 0 and max(owners[2:]) < -1


@pytest.mark.slow
@pytest.mark.parametrize("model_spec", [search_spec, recommendation_spec])
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(model_spec, precision: str, half_precision) -> None:
    half_precision(precision)
    settings = TrainingSettings(learning_rate=0.003, precision=precision)
    _assert_learns(_loop(tf.distribute.get_strategy(), model_spec(), settings), model_spec())


@pytest.fixture
def half_precision():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_step_that_overflows_is_skipped_everywhere(replicas: int, half_precision) -> None:
    """Also where the overflow is in one of several rows of an id, or on the second replica."""
    half_precision("mixed_float16")
    spec, settings = search_spec(), TrainingSettings(precision="mixed_float16")
    strategy = two_replicas() if replicas == 2 else tf.distribute.get_strategy()
    loop = _loop(strategy, spec, settings, model="dnn")
    batches = (
        batch_dataset(spec, 1, parts=replicas)
        .enumerate()
        .map(
            # The last part holds a price that is finite, and whose gradients are not.
            lambda part, batch: {
                **batch,
                "candidates_price": batch["candidates_price"]
                * tf.where(part == replicas - 1, 3e4, 1.0),
            }
        )
    )
    before = _weights(loop)
    loop.run(loop.iterate(batches), 1)
    for old, new in zip(before, _weights(loop), strict=True):
        np.testing.assert_array_equal(old, new)
    assert loop.optimizer.dynamic_scale.value.numpy() == 2.0**14


@pytest.mark.slow
def test_optimizers_train_on_two_replicas() -> None:
    settings = TrainingSettings(learning_rate=0.01)
    _assert_learns(_loop(two_replicas(), search_spec(), settings), search_spec(), parts=2)


@pytest.mark.slow
def test_batches_of_any_size_train_on_two_replicas() -> None:
    spec = search_spec()
    loop = _loop(two_replicas(), spec, TrainingSettings(), model="dnn")
    batches = (
        batch_dataset(spec, 4, parts=2)
        .enumerate()
        .map(
            lambda part, batch: {
                key: value[:, : 3 + part // 2]
                if key.startswith("behaviors_") and len(value.shape) > 1
                else value
                for key, value in batch.items()
            }
        )
    )
    assert loop.run(loop.iterate(batches), 4)["finite_steps"] == 4


@pytest.mark.slow
def test_xla_trains() -> None:
    settings = TrainingSettings(learning_rate=0.01, xla=True)
    _assert_learns(_loop(tf.distribute.get_strategy(), search_spec(), settings), search_spec())


def test_xla_on_several_devices_is_refused() -> None:
    with pytest.raises(ValueError, match="`xla` must be off on several devices"):
        _loop(two_replicas(), search_spec(), TrainingSettings(xla=True))


def _assert_learns(loop: TrainingLoop, spec, parts: int = 1) -> None:
    """It learns the random labels of four batches by heart."""
    iterator = loop.iterate(batch_dataset(spec, 4, parts=parts).repeat())
    first = loop.run(iterator, 4)["ranking"]
    loop.run(iterator, 60)
    last = loop.run(iterator, 4)
    assert last["finite_steps"] == 4 and last["ranking"] < 0.5 * first


def test_steps_before_the_loss_is_lost_are_counted() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec, model="dnn")
    batches = (
        batch_dataset(spec, 5)
        .enumerate()
        .map(
            lambda step, batch: {
                **batch,
                "spend": batch["spend"] + tf.where(step == 3, np.nan, 0.0),
            }
        )
    )
    values = loop.run(loop.iterate(batches), 5)
    assert np.isnan(values["loss"]) and values["finite_steps"] == 3


def test_loss_terms_are_divided_by_their_own_count() -> None:
    spec = search_spec()
    loop = _loop(tf.distribute.get_strategy(), spec, model="din")
    term = LossTerm("constant", 2.0, lambda outputs, batch: (tf.constant(6.0), tf.constant(4.0)))
    loop.networks = type(loop.networks)(
        **{**vars(loop.networks), "losses": (*loop.networks.losses, term)}
    )
    values = loop.run(loop.iterate(batch_dataset(spec, 1)), 1)
    assert values["constant"] == pytest.approx(1.5)
    assert values["loss"] == pytest.approx(values["ranking"] + 3.0)
