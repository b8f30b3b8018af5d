import doctest
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features import tables
from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.features.tables import EmbeddingTable, EmbeddingTables
from tests.helpers.resolved_small_spec import resolved_small_spec

INPUTS = (SESSION, BEHAVIORS, CANDIDATES)


@pytest.fixture
def spec(tmp_path: Path) -> FeatureSpec:
    return resolved_small_spec(tmp_path)


@pytest.fixture
def embedding(spec: FeatureSpec) -> EmbeddingTables:
    built = EmbeddingTables(spec)
    for layer in built.layers.values():
        layer.build()
    return built


def rows(embedding: EmbeddingTables, table: str) -> np.ndarray:
    return embedding.layers[table].embeddings.numpy()


def test_tables_have_the_size_that_the_spec_says(spec, embedding):
    for name, table in spec.tables.items():
        assert isinstance(embedding.layers[name], keras.layers.Embedding)
        assert rows(embedding, name).shape == (table.rows, table.width)


def test_fields_of_a_table_share_its_rows(spec, embedding):
    ids = np.array([[2, 5, 1]], np.int32)
    for section in (BEHAVIORS, CANDIDATES):
        vectors = embedding.embed(spec.field(section, "item"), {f"{section}_item": ids})
        np.testing.assert_array_equal(vectors, rows(embedding, "item")[ids])


def test_a_number_is_a_vector_of_one(spec, embedding):
    price = np.array([[2.0, 3.0, 5.0]], np.float32)
    field = spec.field(CANDIDATES, "price")
    vectors = embedding.embed(field, {"candidates_price": price})
    np.testing.assert_array_equal(vectors, price[..., None])


@pytest.mark.parametrize(
    ("section", "name", "pool"),
    [
        (SESSION, "interests", np.mean),
        (SESSION, "query", np.mean),
        (BEHAVIORS, "topics", np.sum),
        (CANDIDATES, "sellers", np.max),
    ],
)
def test_several_ids_are_pooled_over_those_that_are_there(spec, embedding, section, name, pool):
    field = spec.field(section, name)
    shape = (5,) if section == SESSION else (5, 7)
    random = np.random.default_rng(0)
    lengths = random.integers(0, 4, shape).astype(np.int32)
    table = spec.table_of(field)
    ids = random.integers(1, table.rows, (*shape, 3)).astype(np.int32)
    vectors = embedding.embed(field, {field.key: ids, field.length_key: lengths}).numpy()
    expected = np.zeros((*shape, table.width))
    for place in np.ndindex(shape):
        if lengths[place]:
            expected[place] = pool(rows(embedding, table.name)[ids[place][: lengths[place]]], 0)
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-7)


def test_the_padding_row_never_matters_to_pooled_fields(spec, embedding):
    weight = embedding.layers["topic"].embeddings
    weight.assign(np.concatenate([[[math.nan] * 2], weight.numpy()[1:]]))
    field = spec.field(BEHAVIORS, "topics")
    batch = {
        "behaviors_topics": np.array([[[2, 0], [0, 0]]], np.int32),
        "behaviors_topics_length": np.array([[1, 0]], np.int32),
    }
    with tf.GradientTape() as tape:
        vectors = embedding.embed(field, batch)
        total = tf.reduce_sum(vectors)
    np.testing.assert_array_equal(vectors, [[weight.numpy()[2], [0, 0]]])
    gradient = tf.convert_to_tensor(tape.gradient(total, weight.value))
    np.testing.assert_array_equal(gradient[2], [1, 1])
    assert not np.any(gradient[:2])


def test_no_behaviors_are_embedded(spec, embedding):
    field = spec.field(BEHAVIORS, "topics")
    batch = {
        "behaviors_topics": np.zeros((2, 0, 2), np.int32),
        "behaviors_topics_length": np.zeros((2, 0), np.int32),
    }
    assert embedding.embed(field, batch).shape == (2, 0, 2)


def test_an_update_touches_only_rows_that_were_read():
    """The whole table is neither read nor has it a gradient."""
    table = EmbeddingTable(11, 3)
    table.build()

    @tf.function
    def gradient(ids: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(table(ids))
        gradient = tape.gradient(total, table.embeddings.value)
        assert isinstance(gradient, tf.IndexedSlices)
        return gradient.indices

    traced = gradient.get_concrete_function(tf.TensorSpec([None, None], tf.int32))
    operations = [operation.type for operation in traced.graph.get_operations()]
    assert "ResourceGather" in operations and "ReadVariableOp" not in operations
    assert traced(tf.constant([[7, 2]])).numpy().tolist() == [7, 2]


def test_every_input_goes_into_one_network(spec):
    """Tables and inputs may have the same name in a spec."""
    embedding = EmbeddingTables(spec)
    inputs = keras_inputs(spec, INPUTS)
    fields = [field for field in spec.fields if field.is_input]
    network = keras.Model(inputs, {f.key: embedding.embed(f, inputs) for f in fields})
    assert {layer.name for layer in network.layers} >= {"grade_table", "item_table"}
    assert network.count_params() == sum(t.rows * t.width for t in spec.tables.values())
    for field in fields:
        width = spec.table_of(field).width if field.table else 1
        rank = 1 if field.section == SESSION else 2
        assert network.output[field.key].shape == (*[None] * rank, width), field.key


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own.
def test_a_table_survives_saving(tmp_path):
    network = keras.Sequential([keras.Input([None], dtype="int32"), EmbeddingTable(5, 2)])
    network.save(tmp_path / "table.keras")
    loaded = keras.models.load_model(tmp_path / "table.keras")
    ids = np.array([[1, 4]], np.int32)
    np.testing.assert_array_equal(loaded(ids), network(ids))


def test_metadata_have_no_vector(spec, embedding):
    with pytest.raises(ValueError, match="`field` must be an input. Received: `session_id`"):
        embedding.embed(spec.field(SESSION, "session_id"), {})


def test_the_example_runs():
    assert doctest.testmod(tables).failed == 0
