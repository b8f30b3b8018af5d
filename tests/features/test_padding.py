import numpy as np
import pytest
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import example_request
from ranking.features.padding import (
    PADDING_COUNTS,
    pad_sessions,
    pad_to_fixed_shapes,
    padding_counts,
    padding_shares,
)
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from tests.helpers.resolved_small_spec import resolved_small_spec


@pytest.fixture
def spec(tmp_path) -> FeatureSpec:
    return resolved_small_spec(tmp_path)


@pytest.fixture
def batch(spec, tmp_path) -> dict[str, tf.Tensor]:
    """One session with 5 behaviors and 11 candidates, with labels and an id."""
    request = example_request(spec, (SESSION, BEHAVIORS, CANDIDATES), behaviors=5, candidates=11)
    encoded = Encoder(spec, tmp_path)(request)
    return encoded | {"labels_click": tf.ones([1, 11]), "session_id": tf.constant(["a"])}


def test_shapes_are_few_and_what_is_there_stays(spec, batch):
    padded = pad_to_fixed_shapes(spec, batch)
    expected = {
        "session_id": (1,),
        "interests": (1, 3),
        "interests_length": (1,),
        "behaviors_item": (1, 11),
        "behaviors_topics": (1, 11, 2),
        "behaviors_topics_length": (1, 11),
        "candidates_item": (1, 16),
        "candidates_sellers": (1, 16, 3),
        "candidates_length": (1,),
        "labels_click": (1, 16),
    }
    assert {key: tuple(padded[key].shape) for key in expected} == expected
    assert set(padded) == set(batch)
    for key, value in batch.items():
        inside = padded[key][tuple(slice(size) for size in value.shape)]
        np.testing.assert_array_equal(inside, value, err_msg=key)
        if value.dtype != tf.string:
            assert np.count_nonzero(padded[key]) == np.count_nonzero(value), key


def test_a_width_that_is_a_multiple_stays(spec, batch):
    twice = pad_to_fixed_shapes(spec, pad_to_fixed_shapes(spec, batch))
    assert twice["candidates_item"].shape == (1, 16)


def test_new_sessions_are_empty(batch):
    padded = pad_sessions(batch, 3)
    assert padded["session_id"].numpy().tolist() == [b"a", b"", b""]
    assert padded["candidates_length"].numpy().tolist() == [11, 0, 0]
    for key, value in padded.items():
        assert value.shape == (3, *batch[key].shape[1:]), key
        np.testing.assert_array_equal(value[0], batch[key][0], err_msg=key)
        if value.dtype != tf.string:
            assert not np.any(value[1:]), key


def test_the_share_of_padding_is_counted(spec, batch):
    whole = pad_sessions(pad_to_fixed_shapes(spec, batch), 2)
    counts = {name: float(count) for name, count in padding_counts(whole).items()}
    expected = {"behaviors": 5, "behaviors_positions": 22}
    assert counts == expected | {"candidates": 11, "candidates_positions": 32}
    assert set(counts) == set(PADDING_COUNTS)
    shares = {"behaviors_padding": 1 - 5 / 22, "candidates_padding": 1 - 11 / 32}
    assert padding_shares(counts) == pytest.approx(shares)


def test_a_model_that_reads_no_behaviors_pads_none(spec, batch):
    alone = {key: value for key, value in batch.items() if not key.startswith("behaviors_")}
    counts = padding_counts(alone | {"behaviors_length": batch["behaviors_length"]})
    assert float(counts["behaviors"]) == float(counts["behaviors_positions"]) == 0.0
    assert float(counts["candidates"]) == 11.0
