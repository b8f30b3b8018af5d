import numpy as np
import pytest

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from tools.training_load import bench_spec, encoded_batch, flat_batch

B, C, T = 3, 5, 7


@pytest.fixture(scope="module")
def spec():
    return bench_spec(T, 101, 211)


@pytest.fixture(scope="module")
def batch(spec):
    return encoded_batch(spec, B, C, np.random.default_rng(2))


def test_the_spec_has_tables_of_the_sizes_asked_for(spec):
    assert spec.is_resolved and spec.behaviors_max_length == T
    assert spec.tables["query"].rows == 101 and spec.tables["item"].rows == 211
    assert bench_spec(T, 101).tables["item"].rows == 101
    assert spec.tables["item"].width == spec.tables["query"].width == 32


def test_a_batch_has_all_that_models_read_every_session_full(spec, batch):
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    for key, symbol in inputs.items():
        assert batch[key].dtype == symbol.dtype
        assert len(batch[key].shape) == len(symbol.shape)
    assert batch["behaviors_length"].numpy().tolist() == [T] * B
    assert batch["candidates_length"].numpy().tolist() == [C] * B
    assert batch["behaviors_item"].shape == (B, T) and batch["candidates_item"].shape == (B, C)
    assert set(np.unique(batch["labels_click"])) <= {0.0, 1.0}
    items = encoded_batch(spec, 97, C, np.random.default_rng(2))["behaviors_item"].numpy()
    assert items.min() >= 2 and 200 < items.max() < 211


def test_flat_rows_are_the_impressions_with_their_session(batch):
    flat = flat_batch(batch)
    for b in range(B):
        for c in range(C):
            row = b * C + c
            assert flat["candidates_item"][row] == batch["candidates_item"][b, c]
            assert flat["labels_click"][row] == batch["labels_click"][b, c]
            assert flat["query"][row] == batch["query"][b]
            assert flat["behaviors_length"][row] == T
            assert np.array_equal(flat["behaviors_days_ago"][row], batch["behaviors_days_ago"][b])
