"""The exported model without Python: the C++ client beside the Keras model."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ranking.export.merged_requests import merge_requests
from ranking.export.parity import TOLERANCE
from ranking.export.parity_sessions import parity_sessions
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.scoring import full_scores
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.exported_model import ExportedModel
from tests.helpers.native_client import (
    native_client,
    native_results,
    run_native,
    write_requests,
)
from tests.helpers.small_spec import small_sessions

pytestmark = pytest.mark.slow

Request = dict[str, np.ndarray]
KEEPS = 11  # behaviors
_MISSING = {"O": "", "i": 0, "f": 0.0}


@pytest.fixture(scope="module", params=["aw_moe", "usr"])
def exported(
    request: pytest.FixtureRequest, exports: Callable[[str], ExportedModel]
) -> ExportedModel:
    native_client()
    return exports(request.param)


@pytest.fixture(scope="module")
def requests(exported: ExportedModel) -> list[Request]:
    """Sessions of the data and edge cases of them, then new ones as a client sends them."""
    spec = exported.data.spec
    sessions = small_sessions(spec, 139, seed=11).to_pylist()
    new = [
        raw_request(spec, [session], extra=int(not session["behaviors"])) for session in sessions
    ]
    keys = raw_signature(spec, (SESSION, BEHAVIORS, CANDIDATES))
    return [{key: one[key] for key in keys} for one in parity_sessions(exported.data) + new]


@pytest.fixture(scope="module")
def at_once(
    exported: ExportedModel, requests: list[Request], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, np.ndarray]]:
    """The client's scores of every session by `serving_default`."""
    folder = tmp_path_factory.mktemp("at_once")
    asked = [("serving_default", request) for request in requests]
    return native_results(exported.export.folder, asked, folder)


def _keras_scores(exported: ExportedModel) -> Callable[[Request], dict[str, tf.Tensor]]:
    inputs = raw_signature(exported.data.spec, (SESSION, BEHAVIORS, CANDIDATES))

    @tf.function(input_signature=[inputs], autograph=False)
    def scores(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return full_scores(exported.networks, exported.encoder(raw))

    return lambda raw: scores({key: tf.constant(raw[key], inputs[key].dtype) for key in inputs})


def test_the_sessions_hold_every_edge_case(
    exported: ExportedModel, requests: list[Request]
) -> None:
    assert len(requests) >= 200
    lengths = [int(request["behaviors_length"][0]) for request in requests]
    assert min(lengths) == 0 and max(lengths) > KEEPS
    items = {item for request in requests for item in request["candidates_item"].flat}
    assert "söt-日本".encode() in items or "söt-日本" in items
    assert "\N{OCTAGONAL SIGN} never seen".encode() in items
    assert any(request["city"][0] in (b"", "") for request in requests)
    assert any(request["interests_length"][0] == 0 for request in requests)
    assert any(np.isnan(request["candidates_price"]).any() for request in requests)


def test_scores_are_kerass_bit_for_bit(
    exported: ExportedModel, requests: list[Request], at_once: list[dict[str, np.ndarray]]
) -> None:
    keras_scores = _keras_scores(exported)
    assert len(at_once) == len(requests)
    for request, scores in zip(requests, at_once, strict=True):
        expected = keras_scores(request)
        assert set(scores) == set(exported.networks.tasks)
        for task, values in scores.items():
            np.testing.assert_array_equal(values, expected[task])
    task = exported.networks.tasks[0]
    assert np.unique(np.concatenate([scores[task][0] for scores in at_once])).size > 300


def test_requests_in_one_score_within_rounding(
    exported: ExportedModel,
    requests: list[Request],
    at_once: list[dict[str, np.ndarray]],
    tmp_path: Path,
) -> None:
    together = merge_requests([_without_empty(request) for request in requests])
    (results,) = native_results(exported.export.folder, [("serving_default", together)], tmp_path)
    expected = _keras_scores(exported)(together)
    for task, values in results.items():
        np.testing.assert_array_equal(values, expected[task])
        for row, scores in enumerate(at_once):
            alone = scores[task][0]
            np.testing.assert_allclose(values[row, : len(alone)], alone, rtol=0, atol=TOLERANCE)
            assert not values[row, len(alone) :].any()


@pytest.mark.parametrize(
    ("once", "then", "sections", "atol"),
    [
        ("gate", "score", (SESSION, BEHAVIORS, CANDIDATES), 0),
        ("session_state", "score_with_state", (CANDIDATES,), TOLERANCE),
    ],
)
def test_what_is_carried_over_scores_as_at_once(
    exported: ExportedModel,
    requests: list[Request],
    at_once: list[dict[str, np.ndarray]],
    tmp_path: Path,
    once: str,
    then: str,
    sections: tuple[str, ...],
    atol: float,
) -> None:
    _need(once, exported)
    spec, asked = exported.data.spec, []
    for request in requests:
        for signature, parts in ((once, (SESSION, BEHAVIORS)), (then, sections)):
            asked.append((signature, {key: request[key] for key in raw_signature(spec, parts)}))
    results = native_results(exported.export.folder, asked, tmp_path)
    carried, split = results[::2], results[1::2]
    assert len({b"".join(value.tobytes() for value in one.values()) for one in carried}) > 100
    for scores, expected in zip(split, at_once, strict=True):
        for task, values in expected.items():
            np.testing.assert_allclose(scores[task], values, rtol=0, atol=atol)


def test_times_are_told_by_call_and_session(
    exported: ExportedModel, requests: list[Request], tmp_path: Path
) -> None:
    _need("gate", exported)
    session, file = requests[0], tmp_path / "asked.tfrecord"
    keys = raw_signature(exported.data.spec, (SESSION, BEHAVIORS))
    gate = ("gate", {key: session[key] for key in keys})
    write_requests(
        file, [gate, ("score", session), ("score", session), ("serving_default", session)]
    )
    flags = (f"--model={exported.export.folder}", f"--requests={file}", "--passes=7", "--threads=1")
    done = run_native(*flags)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["requests", "calls", "times", "mean_ms", "p50_ms", "p95_ms", "p99_ms"]
    assert {(row[0], row[1]): int(row[2]) for row in rows[1:]} == {
        ("asked", "gate"): 7,
        ("asked", "score"): 14,
        ("asked", "serving_default"): 7,
        ("asked", "gate+score*2"): 7,
    }
    for row in rows[1:]:
        p50, p95, p99 = map(float, row[4:])
        assert 0 < p50 <= p95 <= p99


def test_mistakes_are_clear_errors(
    exported: ExportedModel, requests: list[Request], tmp_path: Path
) -> None:
    _need("gate", exported)
    session, file = requests[0], tmp_path / "asked.tfrecord"
    model = f"--model={exported.export.folder}"
    wrong = {**session, "gate": np.zeros([1, 3, 5], np.float32)}
    cases = [
        ([("gates", session)], "must be one of examples, gate, score, .* Received: `gates`"),
        ([("gate", session)], "signature `gate` has no input `candidates_"),
        ([("score", session)], "needs input `gate`, which neither the request has nor the results"),
        ([("score", wrong)], "record 0: signature `score`: "),
    ]
    for asked, message in cases:
        write_requests(file, asked)
        _assert_error(run_native(model, f"--requests={file}"), message)
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"\x0f no message")
    _assert_error(run_native(model, f"--requests={file}"), "record 0 is no PredictionLog")
    _assert_error(run_native(f"--model={tmp_path}", f"--requests={file}"), "cannot be loaded")
    _assert_error(run_native(model, "--request=x"), "a flag must be one of --model")


def _need(signature: str, exported: ExportedModel) -> None:
    if signature not in exported.export.signatures:
        pytest.skip(f"this model has no signature `{signature}`")


def _without_empty(request: Request) -> Request:
    """Several ids of nobody are one slot: a server cannot pad what is empty."""
    filled = {}
    for key, value in request.items():
        shape = [max(size, 1) for size in value.shape]
        filled[key] = (
            value if value.size else np.full(shape, _MISSING[value.dtype.kind], value.dtype)
        )
    return filled


def _assert_error(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1
    assert re.search(rf"^error: .*{message}", done.stderr, re.MULTILINE), done.stderr
