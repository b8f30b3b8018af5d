"""Warm-up records, byte for byte what TensorFlow Serving's own classes write."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from ranking.export.prediction_log import LoggedRequest

REQUEST = LoggedRequest(
    "ranker",
    "score_with_state",
    {
        "text": np.array([["söt-日本", ""], ["a", "b"]], object),
        "long" * 50: np.arange(300, dtype=np.int64).reshape(3, 100),
        "gate": np.array([[0.5, -1.25, np.inf]], np.float32),
        "empty": np.zeros([1, 0], np.int32),
    },
)


def test_what_was_written_is_read_back() -> None:
    found = LoggedRequest.from_bytes(REQUEST.to_bytes())
    assert (found.model, found.signature) == ("ranker", "score_with_state")
    assert set(found.inputs) == set(REQUEST.inputs)
    text = [[each.decode() for each in row] for row in found.inputs["text"]]
    assert text == REQUEST.inputs["text"].tolist()
    for name in ("long" * 50, "gate", "empty"):
        np.testing.assert_array_equal(found.inputs[name], REQUEST.inputs[name])
        assert found.inputs[name].dtype == REQUEST.inputs[name].dtype


def test_the_servers_own_classes_read_it() -> None:
    log = PredictionLog.FromString(REQUEST.to_bytes())
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert request.model_spec.name == "ranker"
    assert request.model_spec.signature_name == "score_with_state"
    assert set(request.inputs) == set(REQUEST.inputs)
    for name in ("long" * 50, "gate", "empty"):
        np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), REQUEST.inputs[name])
    assert LoggedRequest.from_bytes(log.SerializeToString()).signature == "score_with_state"


@pytest.mark.parametrize("cut", [1, 2, 5, 40, -1])
def test_a_record_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="must (not be cut short|consist of whole texts)"):
        LoggedRequest.from_bytes(REQUEST.to_bytes()[:cut])


def test_another_message_is_refused() -> None:
    with pytest.raises(ValueError, match="must have field 6 once. Received: 0 times"):
        LoggedRequest.from_bytes(b"\x0a\x01a")
    with pytest.raises(ValueError, match="Received: wire type 0 in field 1"):
        LoggedRequest.from_bytes(b"\x08\x01")
