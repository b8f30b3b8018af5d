"""Optimizers: what is decayed and what is not."""

import keras
import numpy as np
import pytest

from ranking.training.optimizers import embedding_weights, make_optimizer
from ranking.training.settings import TrainingSettings


def _model() -> keras.Model:
    ids = keras.Input((), dtype="int32")
    vectors = keras.layers.Embedding(11, 3, name="table")(ids)
    return keras.Model(ids, keras.layers.Dense(2, kernel_initializer="ones")(vectors))


def test_tables_are_not_decayed_and_dense_weights_are() -> None:
    model = _model()
    settings = TrainingSettings(learning_rate=0.1, weight_decay=0.5)
    optimizer = make_optimizer(settings, model, 10)
    before = [keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables]
    optimizer.apply([np.zeros_like(values) for values in before], model.trainable_variables)
    table, kernel, _ = (keras.ops.convert_to_numpy(weight) for weight in model.trainable_variables)
    np.testing.assert_array_equal(table, before[0])
    np.testing.assert_allclose(kernel, before[1] * (1 - 0.1 * 0.5), rtol=1e-6)


def test_embedding_weights_are_those_of_tables() -> None:
    model = _model()
    assert [weight.path for weight in embedding_weights(model)] == ["table/embeddings"]


def test_cosine_decay_ends_at_zero() -> None:
    settings = TrainingSettings(learning_rate=0.1, learning_rate_decay="cosine")
    optimizer = make_optimizer(settings, _model(), 10)
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.1)
    optimizer.iterations.assign(10)
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", keras.optimizers.AdamW), ("adagrad", keras.optimizers.Adagrad)]
    + [("sgd", keras.optimizers.SGD)],
)
def test_names_mean_their_optimizers(name: str, kind: type) -> None:
    assert type(make_optimizer(TrainingSettings(optimizer=name), _model(), 1)) is kind


def test_half_precision_scales_the_loss() -> None:
    settings = TrainingSettings(precision="mixed_float16")
    optimizer = make_optimizer(settings, _model(), 1)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
