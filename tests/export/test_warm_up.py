"""The warm-up file: every signature, sessions of several sizes, answered before publishing."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ranking.export.loaded_model import LoadedModel
from ranking.export.parity_sessions import parity_sessions
from ranking.export.prediction_log import LoggedRequest
from ranking.export.warm_up import WARM_UP_FILE, WarmUpError, replay_warm_up, write_warm_up
from tests.helpers.exported_model import ExportedModel

pytestmark = pytest.mark.slow

MOST_RECORDS = 1000  # A server refuses the file beyond.


def _records(folder: Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(folder / WARM_UP_FILE)).as_numpy_iterator())


@pytest.fixture(scope="module")
def requests(exported: ExportedModel) -> list[LoggedRequest]:
    return [LoggedRequest.from_bytes(each) for each in _records(exported.export.folder / EXTRA)]


EXTRA = "assets.extra"


def test_every_signature_is_warmed_up_with_several_sizes(
    exported: ExportedModel, requests: list[LoggedRequest]
) -> None:
    counts = Counter(request.signature for request in requests)
    assert counts == dict.fromkeys(exported.export.signatures, 6)
    assert len(requests) == exported.export.warm_up_requests <= MOST_RECORDS
    assert {request.model for request in requests} == {"aw_moe"}
    candidates = [
        request.inputs["candidates_item"].shape[1]
        for request in requests
        if request.signature == "serving_default" and len(request.inputs["grade"]) == 1
    ]
    assert len(set(candidates)) > 2
    sessions = [len(next(iter(request.inputs.values()))) for request in requests]
    assert sorted(set(sessions)) == [1, 2]


def test_requests_have_exactly_the_inputs_of_their_signature(
    served: LoadedModel, requests: list[LoggedRequest]
) -> None:
    for request in requests:
        definition = served.signatures[request.signature]
        assert set(request.inputs) == set(definition.inputs)
        for name, info in definition.inputs.items():
            assert tf.as_dtype(request.inputs[name].dtype) == tf.as_dtype(info.dtype), name


def test_they_are_sessions_of_the_prepared_data(
    exported: ExportedModel, requests: list[LoggedRequest]
) -> None:
    recorded = {
        bytes(request["examples"][0])
        for request in parity_sessions(exported.data)
        if "examples" in request
    }
    records = [
        record
        for request in requests
        if request.signature == "examples"
        for record in request.inputs["examples"]
    ]
    assert len(set(records)) == 5
    assert set(records) <= recorded


def test_a_file_that_no_server_would_answer_is_refused(
    exported: ExportedModel, served: LoadedModel, tmp_path: Path
) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / WARM_UP_FILE)) as writer:
        writer.write(_records(exported.export.folder / EXTRA)[0])
        writer.write(LoggedRequest("m", "gate", {"hour": np.array([7])}).to_bytes())
    with pytest.raises(WarmUpError, match="Warm-up request 1 of .* must be answered.* Missing: "):
        replay_warm_up(tmp_path, served)
    with tf.io.TFRecordWriter(str(tmp_path / WARM_UP_FILE)) as writer:
        writer.write(LoggedRequest("m", "examples", {"examples": np.array([b"no"])}).to_bytes())
    with pytest.raises(WarmUpError, match="Warm-up request 0 of"):
        replay_warm_up(tmp_path, served)


def test_one_session_is_enough(
    exported: ExportedModel, served: LoadedModel, tmp_path: Path
) -> None:
    write_warm_up(tmp_path, served, "m", parity_sessions(exported.data)[:1])
    assert replay_warm_up(tmp_path, served) == dict.fromkeys(exported.export.signatures, 2)
