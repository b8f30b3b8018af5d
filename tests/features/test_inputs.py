import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import example_request, input_keys, keras_inputs, raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION
from tests.helpers.resolved_small_spec import resolved_small_spec
from tests.helpers.small_spec import small_spec

INPUTS = (SESSION, BEHAVIORS, CANDIDATES)


def test_raw_inputs_are_named_and_free_in_every_dimension():
    signature = raw_signature(small_spec(), INPUTS)
    expected = {
        "city": (1, tf.string),
        "visits": (1, tf.int64),
        "query": (1, tf.string),
        "interests": (2, tf.string),
        "interests_length": (1, tf.int32),
        "behaviors_shop": (2, tf.int64),
        "behaviors_topics": (3, tf.string),
        "behaviors_topics_length": (2, tf.int32),
        "behaviors_length": (1, tf.int32),
        "candidates_price_level": (2, tf.float32),
        "candidates_length": (1, tf.int32),
    }
    for key, (rank, dtype) in expected.items():
        assert signature[key] == tf.TensorSpec([None] * rank, dtype, key), key
    assert all(spec.name == key for key, spec in signature.items())


def test_metadata_and_labels_are_no_inputs():
    for keys in (raw_signature(small_spec(), INPUTS), input_keys(small_spec(), INPUTS)):
        assert not {"session_id", "time", "trust", "candidates_click_probability"} & set(keys)
        assert not any(key.startswith("labels_") for key in keys)


def test_text_has_lengths_once_it_is_encoded():
    assert "query_length" not in raw_signature(small_spec(), INPUTS)
    assert "query_length" in input_keys(small_spec(), INPUTS)


def test_sections_are_told_apart():
    whole = input_keys(small_spec(), INPUTS)
    parts = [input_keys(small_spec(), [section]) for section in INPUTS]
    assert whole == sum(parts, ())
    assert all(key.startswith("behaviors_") for key in parts[1])
    assert len(set(whole)) == len(whole)


def test_an_encoded_example_fits_the_network_inputs(tmp_path):
    spec = resolved_small_spec(tmp_path)
    encoded = Encoder(spec, tmp_path)(example_request(spec, INPUTS))
    inputs = keras_inputs(spec, INPUTS)
    assert set(encoded) == set(inputs) and tuple(inputs) == input_keys(spec, INPUTS)
    for key, tensor in inputs.items():
        assert tensor.name == key
        assert tensor.dtype == encoded[key].dtype.name, key
        assert len(tensor.shape) == encoded[key].shape.rank, key
    network = keras.Model(inputs, keras.ops.sum(inputs["candidates_price"], axis=1))
    assert network(encoded).shape == (1,)


def test_an_example_fits_the_signature():
    spec = small_spec()
    request = example_request(spec, INPUTS, behaviors=5, candidates=7)
    signature = raw_signature(spec, INPUTS)
    assert set(request) == set(signature)
    for key, value in request.items():
        tensor = tf.convert_to_tensor(value)
        assert tensor.dtype == signature[key].dtype, key
        assert signature[key].shape.is_compatible_with(tensor.shape), key
    assert request["behaviors_item"].shape == (1, 5)
    assert request["candidates_length"].tolist() == [7]
    np.testing.assert_array_equal(request["behaviors_action"], [["click"] * 5])


@pytest.mark.parametrize("function", [raw_signature, keras_inputs, input_keys, example_request])
def test_a_section_without_inputs_is_refused(function):
    with pytest.raises(ValueError, match="`sections` must be some of session, .*'labels'"):
        function(small_spec(), [LABELS])
