"""The real client against a server that speaks TensorFlow Serving's protocols."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranking.export.loaded_model import LoadedModel
from ranking.export.parity import TOLERANCE
from ranking.export.parity_sessions import edge_sessions
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.exported_model import ExportedModel
from tests.helpers.one_error import assert_one_error
from tests.helpers.protocol_server import ProtocolServer
from tests.helpers.run_main import program_runner
from tests.helpers.served_versions import Call, ServedVersions
from tests.helpers.small_spec import small_sessions
from tools import serving_client as program
from tools.grpc_model import GrpcModel
from tools.rest_model import RestModel
from tools.serving_error import ServingError
from tools.session_scoring import score_session

pytestmark = pytest.mark.slow

Request = dict[str, np.ndarray]
PROTOCOLS = ("grpc", "rest")


@pytest.fixture(scope="module")
def exported(exports: Callable[[str], ExportedModel]) -> ExportedModel:
    return exports("aw_moe")


@pytest.fixture(scope="module")
def versions(exported: ExportedModel) -> ServedVersions:
    return ServedVersions({1: exported.export.folder})


@pytest.fixture(scope="module")
def server(versions: ServedVersions) -> Iterator[ProtocolServer]:
    server = ProtocolServer(versions)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _start_over(versions: ServedVersions, exported: ExportedModel) -> None:
    versions.folders = {1: exported.export.folder}
    versions.labels = {}
    versions.calls.clear()
    versions.after_call = lambda call: None


@pytest.fixture(scope="module")
def session(exported: ExportedModel) -> Request:
    """A session with behaviors and six candidates or more."""
    spec = exported.data.spec
    sessions = small_sessions(spec, 29, seed=11).to_pylist()
    one = next(one for one in sessions if one["behaviors"] and len(one["candidates"]) > 5)
    return raw_request(spec, [one], extra=1)


@pytest.fixture(scope="module")
def expected(exported: ExportedModel) -> Iterator[Callable[[Request], np.ndarray]]:
    """Maps a request to its scores, asked at once and without a server."""
    model = LoadedModel(exported.export.folder)

    def scores(request: Request) -> np.ndarray:
        count = int(request["candidates_length"][0])
        return model("serving_default", request)["click"][0, :count]

    yield scores
    model.close()


def _connect(server: ProtocolServer, protocol: str, **options: Any) -> GrpcModel | RestModel:
    options = {"timeout": 120.0, **options}
    if protocol == "grpc":
        return GrpcModel(server.grpc_address, options.pop("name", "ranker"), **options)
    return RestModel(server.rest_address, options.pop("name", "ranker"), **options)


@pytest.fixture(params=PROTOCOLS)
def model(request: pytest.FixtureRequest, server: ProtocolServer) -> Iterator[Any]:
    model = _connect(server, request.param)
    yield model
    model.close()


def _signatures(calls: list[Call]) -> list[str]:
    return [call.signature for call in calls]


def test_signatures_are_the_servers_own(exported: ExportedModel, model: Any) -> None:
    signatures = model.signatures()
    assert set(signatures) == set(exported.export.signatures)
    wanted = raw_signature(exported.data.spec, (SESSION, BEHAVIORS, CANDIDATES))
    taken = signatures["serving_default"].inputs
    assert {key: (one.dtype, one.rank) for key, one in taken.items()} == {
        key: (np.dtype(spec.dtype.as_numpy_dtype), spec.shape.rank) for key, spec in wanted.items()
    }
    assert list(signatures["gate"].outputs) == ["gate"]


@pytest.mark.parametrize(
    ("flow", "once", "then"),
    [("auto", "gate", "score"), ("state", "session_state", "score_with_state")],
)
def test_one_call_for_the_session_and_one_per_shard(
    model: Any,
    versions: ServedVersions,
    session: Request,
    expected: Callable[[Request], np.ndarray],
    flow: str,
    once: str,
    then: str,
) -> None:
    signatures = model.signatures()
    result = score_session(model, signatures, session, flow=flow, shard_size=2)
    count = int(session["candidates_length"][0])
    shards = -(-count // 2)
    assert _signatures(versions.calls) == [once] + [then] * shards
    assert [call.version for call in versions.calls[1:]] == [1] * shards
    assert sum(call.candidates for call in versions.calls[1:]) == count
    assert result.version == 1
    np.testing.assert_allclose(result.scores["click"], expected(session), rtol=0, atol=TOLERANCE)


def test_edge_cases_travel_unharmed(
    exported: ExportedModel,
    model: Any,
    session: Request,
    expected: Callable[[Request], np.ndarray],
) -> None:
    signatures = model.signatures()
    for request in edge_sessions(exported.data.spec, session):
        result = score_session(model, signatures, request)
        np.testing.assert_allclose(
            result.scores["click"], expected(request), rtol=0, atol=TOLERANCE
        )


def test_a_new_version_between_gate_and_score_is_not_asked(
    exported: ExportedModel, model: Any, versions: ServedVersions, session: Request
) -> None:
    def publish(call: Call) -> None:
        versions.folders[2] = exported.export.folder

    versions.after_call = publish
    result = score_session(model, model.signatures(), session, shard_size=3)
    assert result.version == 1
    assert [call.version for call in versions.calls[1:]] == [1] * len(versions.calls[1:])
    assert _signatures(versions.calls).count("gate") == 1


def test_a_version_that_is_gone_makes_the_session_begin_anew(
    exported: ExportedModel, model: Any, versions: ServedVersions, session: Request
) -> None:
    def replace(call: Call) -> None:
        if call.signature == "gate":
            versions.folders = {2: exported.export.folder}

    versions.after_call = replace
    result = score_session(model, model.signatures(), session)
    assert _signatures(versions.calls) == ["gate", "score", "gate", "score"]
    assert [call.version for call in versions.calls if call.signature == "score"] == [1, 2]
    assert result.version == 2


def test_a_version_that_is_gone_is_a_clear_error(model: Any, session: Request) -> None:
    session = {key: session[key] for key in model.signatures()["gate"].inputs}
    with pytest.raises(ServingError, match="Servable not found for request: Specific.ranker, 7."):
        model.predict("gate", session, 7)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_label_picks_the_version(
    exported: ExportedModel,
    server: ProtocolServer,
    versions: ServedVersions,
    session: Request,
    protocol: str,
) -> None:
    versions.folders[2] = exported.export.folder
    versions.labels = {"stable": 1, "canary": 2}
    stable = _connect(server, protocol, label="stable")
    assert score_session(stable, stable.signatures(), session).version == 1
    newest = _connect(server, protocol)
    assert score_session(newest, newest.signatures(), session).version == 2
    unknown = _connect(server, protocol, label="nightly")
    with pytest.raises(ServingError, match="Unrecognized servable version label: nightly"):
        unknown.signatures()


def test_an_unknown_signature_is_refused_in_the_servers_words(model: Any) -> None:
    words = {
        GrpcModel: 'FAILED_PRECONDITION: Serving signature key "gates" not found.',
        RestModel: 'INVALID_ARGUMENT: Serving signature name: "gates" not found in signature def',
    }
    with pytest.raises(ServingError) as caught:
        model.predict("gates", {})
    assert words[type(model)] in str(caught.value)
    assert "must answer signature `gates` of model `ranker`. Received:" in str(caught.value)
    assert "signatures.json" in str(caught.value)


def test_a_missing_input_is_refused_in_the_servers_words(model: Any, session: Request) -> None:
    inputs = {key: session[key] for key in model.signatures()["gate"].inputs}
    del inputs["hour"]
    words = {
        GrpcModel: r"input size does not match signature: .*Missing but required: \{hour\}.",
        RestModel: "Missing named input: hour in 'inputs' object.",
    }
    with pytest.raises(ServingError, match=words[type(model)]) as caught:
        model.predict("gate", inputs)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_wrong_shape_is_refused(model: Any, session: Request) -> None:
    gate = np.zeros([1, 5], np.float32)
    inputs = {key: session[key] for key in model.signatures()["serving_default"].inputs}
    with pytest.raises(ServingError, match="of model `ranker`. Received: INVALID_ARGUMENT: "):
        model.predict("score", {**inputs, "gate": gate})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_model_or_server_that_is_not_there_is_a_clear_error(
    server: ProtocolServer, protocol: str
) -> None:
    words = {"grpc": "Servable not found for request: Latest.reader.", "rest": "Could not find any"}
    with pytest.raises(ServingError, match=f"NOT_FOUND: {words[protocol]}"):
        _connect(server, protocol, name="reader").signatures()
    nowhere = GrpcModel if protocol == "grpc" else RestModel
    address = "localhost:1" if protocol == "grpc" else "http://localhost:1"
    with pytest.raises(ServingError, match="UNAVAILABLE: .* Start a server .make serve RUN="):
        nowhere(address, "ranker").signatures()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_slow_answer_is_a_clear_error(
    server: ProtocolServer, versions: ServedVersions, session: Request, protocol: str
) -> None:
    patient = _connect(server, protocol)
    signatures = patient.signatures()
    score_session(patient, signatures, session)
    versions.after_call = lambda call: time.sleep(0.5)
    hasty = _connect(server, protocol, timeout=0.1)
    inputs = {key: session[key] for key in signatures["gate"].inputs}
    with pytest.raises(ServingError, match="DEADLINE_EXCEEDED: .* Give it longer with --timeout"):
        hasty.predict("gate", inputs, 1)


@pytest.fixture
def run(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner(f"--server={server.grpc_address}", "--timeout=120", *flags)


def test_the_program_prints_candidates_best_first(
    run: Callable[..., tuple[int, str, str]],
    server: ProtocolServer,
    exported: ExportedModel,
    tmp_path: Path,
) -> None:
    code, out, err = run(f"--data={exported.data.folder}", "--session=7", "--shard_size=2")
    assert code == 0, err
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert lines[0][:5] == ["model", "ranker", "version", "1:", "1"] and "gate," in lines[0]
    assert lines[1] == ["candidate", "candidates_item", "click"]
    scores = [float(line[-1]) for line in lines[3:]]
    assert scores and scores == sorted(scores, reverse=True)

    rest = f"--server={server.rest_address}"
    code, out, _ = run(f"--data={exported.data.folder}", "--session=7", "--json", rest)
    document = json.loads(out)
    assert code == 0 and document["version"] == 1 and document["calls"] == ["gate", "score"]
    np.testing.assert_allclose(
        sorted(document["scores"]["click"], reverse=True), scores, rtol=0, atol=1e-6
    )


def test_the_exports_own_example_is_a_request(
    run: Callable[..., tuple[int, str, str]], exported: ExportedModel
) -> None:
    examples = exported.export.folder / "assets.extra" / "example_requests"
    code, out, err = run(f"--request={examples / 'serving_default.json'}", "--json")
    assert code == 0, err
    assert len(json.loads(out)["scores"]["click"]) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "Either --request or --data must say which session"),
        (["--request=a.json", "--data=b"], "Received: --request=a.json, --data=b"),
        (["--request=nowhere.json"], "nowhere.json: No such file"),
        (["--data=nowhere"], "nowhere does not exist"),
        (["--data=nowhere", "--server=localhost:1"], "Received: UNAVAILABLE"),
    ],
)
def test_a_mistake_is_one_clear_error(
    run: Callable[..., tuple[int, str, str]], flags: list[str], message: str
) -> None:
    assert_one_error(run(*flags), message)
