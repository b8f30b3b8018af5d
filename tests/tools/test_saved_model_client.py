"""The exported model without Python: the C++ client beside the Keras model."""

import dataclasses
import functools
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
MODELS = ("aw_moe", "usr")
KEEPS = 11  # behaviors
_MISSING = {"O": "", "i": 0, "f": 0.0}


@dataclasses.dataclass(frozen=True)
class Asked:
    """An export, raw sessions, and the client's scores of each by `serving_default`."""

    exported: ExportedModel
    requests: list[Request]
    at_once: list[Request]


@pytest.fixture(scope="module")
def asked(
    exports: Callable[[str], ExportedModel], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Asked]:
    """Maps the name of a model to what was asked of its export."""
    native_client()

    @functools.cache
    def ask(model: str) -> Asked:
        exported = exports(model)
        requests = _requests(exported)
        wanted = [("serving_default", request) for request in requests]
        folder = tmp_path_factory.mktemp("at_once")
        results = native_results(exported.export.folder, wanted, folder)
        return Asked(exported, requests, results)

    return ask


def _requests(exported: ExportedModel) -> list[Request]:
    """Sessions of the data and edge cases of them, then new ones as a client sends them."""
    spec = exported.data.spec
    sessions = small_sessions(spec, 139, seed=11).to_pylist()
    new = [
        raw_request(spec, [session], extra=int(not session["behaviors"])) for session in sessions
    ]
    keys = raw_signature(spec, (SESSION, BEHAVIORS, CANDIDATES))
    return [{key: one[key] for key in keys} for one in parity_sessions(exported.data) + new]


def _keras_scores(exported: ExportedModel) -> Callable[[Request], dict[str, tf.Tensor]]:
    inputs = raw_signature(exported.data.spec, (SESSION, BEHAVIORS, CANDIDATES))

    @tf.function(input_signature=[inputs], autograph=False)
    def scores(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return full_scores(exported.networks, exported.encoder(raw))

    return lambda raw: scores({key: tf.constant(raw[key], inputs[key].dtype) for key in inputs})


@pytest.mark.parametrize("model", MODELS)
def test_the_sessions_hold_every_edge_case(asked: Callable[[str], Asked], model: str) -> None:
    requests = asked(model).requests
    assert len(requests) >= 200
    lengths = [int(request["behaviors_length"][0]) for request in requests]
    assert min(lengths) == 0 and max(lengths) > KEEPS
    items = {item for request in requests for item in request["candidates_item"].flat}
    assert "söt-日本".encode() in items or "söt-日本" in items
    assert "\N{OCTAGONAL SIGN} never seen".encode() in items
    assert any(request["city"][0] in (b"", "") for request in requests)
    assert any(request["interests_length"][0] == 0 for request in requests)
    assert any(np.isnan(request["candidates_price"]).any() for request in requests)


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_kerass_bit_for_bit(asked: Callable[[str], Asked], model: str) -> None:
    exported, at_once = asked(model).exported, asked(model).at_once
    keras_scores = _keras_scores(exported)
    for request, scores in zip(asked(model).requests, at_once, strict=True):
        expected = keras_scores(request)
        assert set(scores) == set(exported.networks.tasks)
        for task, values in scores.items():
            np.testing.assert_array_equal(values, expected[task])
    task = exported.networks.tasks[0]
    assert np.unique(np.concatenate([scores[task][0] for scores in at_once])).size > 300


@pytest.mark.parametrize("model", MODELS)
def test_requests_in_one_score_within_rounding(
    asked: Callable[[str], Asked], model: str, tmp_path: Path
) -> None:
    exported = asked(model).exported
    together = merge_requests([_without_empty(request) for request in asked(model).requests])
    (results,) = native_results(exported.export.folder, [("serving_default", together)], tmp_path)
    expected = _keras_scores(exported)(together)
    for task, values in results.items():
        np.testing.assert_array_equal(values, expected[task])
        for row, scores in enumerate(asked(model).at_once):
            alone = scores[task][0]
            np.testing.assert_allclose(values[row, : len(alone)], alone, rtol=0, atol=TOLERANCE)
            assert not values[row, len(alone) :].any()


@pytest.mark.parametrize(
    ("model", "once", "then", "sections"),
    [
        ("aw_moe", "gate", "score", (SESSION, BEHAVIORS, CANDIDATES)),
        ("aw_moe", "session_state", "score_with_state", (CANDIDATES,)),
        ("usr", "session_state", "score_with_state", (CANDIDATES,)),  # It has no gate.
    ],
)
def test_what_is_carried_over_scores_as_at_once(
    asked: Callable[[str], Asked],
    tmp_path: Path,
    model: str,
    once: str,
    then: str,
    sections: tuple[str, ...],
) -> None:
    exported = asked(model).exported
    spec, calls = exported.data.spec, []
    for request in asked(model).requests:
        for signature, parts in ((once, (SESSION, BEHAVIORS)), (then, sections)):
            calls.append((signature, {key: request[key] for key in raw_signature(spec, parts)}))
    results = native_results(exported.export.folder, calls, tmp_path)
    carried, split = results[::2], results[1::2]
    assert len({b"".join(value.tobytes() for value in one.values()) for one in carried}) > 100
    for scores, expected in zip(split, asked(model).at_once, strict=True):
        for task, values in expected.items():
            np.testing.assert_array_equal(scores[task], values)


def test_times_are_told_by_call_and_session(asked: Callable[[str], Asked], tmp_path: Path) -> None:
    exported, session = asked("aw_moe").exported, asked("aw_moe").requests[0]
    file = tmp_path / "asked.tfrecord"
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


def test_mistakes_are_clear_errors(asked: Callable[[str], Asked], tmp_path: Path) -> None:
    exported, session = asked("aw_moe").exported, asked("aw_moe").requests[0]
    file = tmp_path / "asked.tfrecord"
    model = f"--model={exported.export.folder}"
    wrong = {**session, "gate": np.zeros([1, 3, 5], np.float32)}
    cases = [
        ([("gates", session)], "must be one of examples, gate, score, .* Received: `gates`"),
        ([("gate", session)], "signature `gate` has no input `candidates_"),
        ([("score", session)], "needs input `gate`, which neither the request has nor the results"),
        ([("score", wrong)], "record 0: signature `score`: "),
    ]
    for calls, message in cases:
        write_requests(file, calls)
        _assert_error(run_native(model, f"--requests={file}"), message)
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(b"\x0f no message")
    _assert_error(run_native(model, f"--requests={file}"), "record 0 is no PredictionLog")
    _assert_error(run_native(f"--model={tmp_path}", f"--requests={file}"), "cannot be loaded")
    _assert_error(run_native(model, "--request=x"), "a flag must be one of --model")


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
