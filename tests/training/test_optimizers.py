"""Optimizers: what is decayed and what is not."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from ranking.training.optimizers import embedding_weights, make_optimizer
from ranking.training.settings import TrainingSettings
from tests.helpers.model_spec import search_spec
from tests.helpers.weights import numbers


def _model() -> keras.Model:
    ids = keras.Input((), dtype="int32")
    vectors = keras.layers.Embedding(11, 3, name="table")(ids)
    return keras.Model(ids, keras.layers.Dense(2, kernel_initializer="ones")(vectors))


def test_tables_are_not_decayed_and_dense_weights_are() -> None:
    model = _model()
    settings = TrainingSettings(learning_rate=0.1, weight_decay=0.5)
    optimizer = make_optimizer(settings, model, 10)
    before = numbers(model.trainable_variables)
    optimizer.apply([np.zeros_like(values) for values in before], model.trainable_variables)
    table, kernel, _ = numbers(model.trainable_variables)
    np.testing.assert_array_equal(table, before[0])
    np.testing.assert_allclose(kernel, before[1] * (1 - 0.1 * 0.5), rtol=1e-6)


def test_embedding_weights_are_those_of_tables() -> None:
    model = _model()
    assert [weight.path for weight in embedding_weights(model)] == ["table/embeddings"]


def test_all_tables_of_a_model_are_found() -> None:
    spec = search_spec()
    network = build("aw_moe", spec, AwMoeSettings()).training
    found = sorted(weight.path for weight in embedding_weights(network))
    assert found == sorted(f"{table}_table/embeddings" for table in spec.tables)


def test_cosine_decay_ends_at_zero() -> None:
    settings = TrainingSettings(learning_rate=0.1, learning_rate_decay="cosine")
    optimizer = make_optimizer(settings, _model(), 10)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    optimizer.iterations.assign(10)
    assert float(optimizer.learning_rate) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("name", ["adamw", "adagrad", "sgd"])
def test_rows_of_one_id_count_as_their_sum(name: str) -> None:
    """Also in a weight that is no table of the model, and is updated as a whole."""
    rows = np.array([[2.0, -1.0, 0.5], [1.0, 1.0, 0.25], [3.0, 0.0, 1.0]], np.float32)
    dense = np.zeros((11, 3), np.float32)
    dense[7], dense[2] = rows[0] + rows[2], rows[1]
    tables = []
    for gradient in (tf.IndexedSlices(rows, np.array([7, 2, 7]), np.array([11, 3])), dense):
        table = keras.Variable(np.ones((11, 3), np.float32))
        settings = TrainingSettings(optimizer=name, learning_rate=0.1, weight_decay=0.0)
        optimizer = make_optimizer(
            settings, SimpleNamespace(layers=[], trainable_variables=[table]), 9
        )
        for _ in range(3):
            optimizer.apply([gradient], [table])
        tables.append(table.numpy())
    np.testing.assert_allclose(*tables, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", keras.optimizers.AdamW), ("adagrad", keras.optimizers.Adagrad)]
    + [("sgd", keras.optimizers.SGD)],
)
def test_names_mean_their_optimizers(name: str, kind: type) -> None:
    assert isinstance(make_optimizer(TrainingSettings(optimizer=name), _model(), 1), kind)


def test_half_precision_scales_the_loss() -> None:
    settings = TrainingSettings(precision="mixed_float16")
    optimizer = make_optimizer(settings, _model(), 1)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_long_gradients_are_clipped(precision: str) -> None:
    """At their norm without the scale of the loss."""
    table, dense = np.zeros((11, 3), np.float32), np.ones((3, 2), np.float32)
    table[[7, 2]] = [[2.0, -1.0, 0.5], [1.0, 1.0, 0.25]]
    norm = np.sqrt((table**2).sum() + (dense**2).sum())
    for clip_norm, share in ((None, 1.0), (2.0 * norm, 1.0), (0.5 * norm, 0.5)):
        model = _model()
        settings = TrainingSettings(
            optimizer="sgd", learning_rate=0.1, clip_norm=clip_norm, precision=precision
        )
        optimizer = make_optimizer(settings, model, 1)
        before = numbers(model.trainable_variables)
        scale = float(optimizer.scale_loss(1.0))
        rows = tf.IndexedSlices(scale * table[[7, 2]], np.array([7, 2]), tf.constant([11, 3]))
        gradients = [rows, scale * dense, np.zeros(2, np.float32)]
        optimizer.apply(gradients, model.trainable_variables)
        after = numbers(model.trainable_variables)
        np.testing.assert_allclose(after[0], before[0] - 0.1 * share * table, atol=1e-7)
        np.testing.assert_allclose(after[1], before[1] - 0.1 * share * dense, atol=1e-7)
