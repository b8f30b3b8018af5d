"""The REST client against servers that answer as TensorFlow Serving never does."""

import json
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tools.rest_model import RestModel
from tools.serving_error import ServingError

HTTP2_SETTINGS = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x7f"
INPUTS = {"hour": np.array([7])}


class _Server(socketserver.ThreadingTCPServer):
    """Gives every request the next of its answers, byte by byte as they are."""

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Handler)
        self.answers: list[bytes] = []
        self.address = f"http://localhost:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        length = 0
        while line := self.rfile.readline().strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        self.wfile.write(self.server.answers.pop(0))


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _answer(document: Any, status: str = "200 OK", extra: int = 0) -> bytes:
    """A whole answer in HTTP, or one that announces some bytes more than it has."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body) + extra}\r\n\r\n".encode() + body


def _versions(version: Any = "7", state: Any = "AVAILABLE") -> bytes:
    return _answer({"model_version_status": [{"version": version, "state": state}]})


def _metadata(*outputs: str, dtype: Any = "DT_FLOAT") -> bytes:
    tensor = {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1"}, {"size": "-1"}]}}
    signature = {"inputs": {"hour": tensor}, "outputs": dict.fromkeys(outputs, tensor)}
    definitions = {"serving_default": signature, "__saved_model_init_op": {}}
    return _answer({"metadata": {"signature_def": {"signature_def": definitions}}})


def test_what_tensorflow_serving_gives_is_read(server: _Server) -> None:
    server.answers = [_versions(), _answer({"outputs": [[0.5]]}), _metadata("click")]
    prediction = RestModel(server.address, "ranker").predict("serving_default", INPUTS)
    assert prediction.version == 7
    assert prediction.outputs["click"].tolist() == [[0.5]]
    assert prediction.outputs["click"].dtype == np.float32


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HTTP2_SETTINGS, "BadStatusLine"),
        (b"", "RemoteDisconnected"),
        (_answer({}, extra=93), "IncompleteRead"),
        (_answer({}, "404 Not Found", extra=93), "IncompleteRead"),
    ],
    ids=["the gRPC port", "a closed connection", "an answer cut short", "a refusal cut short"],
)
def test_another_protocol_is_one_clear_error(server: _Server, answer: bytes, words: str) -> None:
    server.answers = [answer]
    with pytest.raises(ServingError) as caught:
        RestModel(server.address, "ranker").signatures()
    message = str(caught.value)
    assert message.startswith(f"{server.address} must answer the versions of model `ranker`. Rec")
    assert f"UNAVAILABLE: no answer in HTTP, but {words}(" in message
    assert "Is this the REST port, 8501 by default? Start a server" in message
    assert message.isprintable()


@pytest.mark.parametrize("address", ["http://localhost:port", "http://[localhost"])
def test_an_address_that_is_no_url_is_one_clear_error(address: str) -> None:
    with pytest.raises(ServingError, match="must answer the versions .* UNAVAILABLE: "):
        RestModel(address, "ranker").signatures()


@pytest.mark.parametrize(
    "answers",
    [
        [_answer(b"<html>")],
        [_answer(b"\xff")],
        [_answer({})],
        [_answer([])],
        [_answer({"model_version_status": None})],
        [_answer({"model_version_status": [{"state": "AVAILABLE"}]})],
        [_versions(version=None)],
        [_versions(version="newest")],
        [_versions(), _answer({})],
        [_versions(), _answer({"metadata": {"signature_def": {"signature_def": []}}})],
        [_versions(), _metadata("click", dtype="DT_NOTHING")],
        [_versions(), _metadata("click", dtype=1)],
    ],
)
def test_signatures_of_another_form_are_one_clear_error(
    server: _Server, answers: list[bytes]
) -> None:
    asked = ("the versions", "the signatures")[len(answers) - 1]
    server.answers = list(answers)
    with pytest.raises(ServingError, match=f"must answer {asked} of .* Is this the REST") as caught:
        RestModel(server.address, "ranker").signatures()
    assert caught.value.code == "UNKNOWN"


@pytest.mark.parametrize(
    ("answer", "metadata"),
    [
        ([], _metadata("click")),
        ({}, _metadata("click")),
        ({"outputs": [["high"]]}, _metadata("click")),
        ({"outputs": [[0.5], []]}, _metadata("click")),
        ({"outputs": [[1 << 70]]}, _metadata("click", dtype="DT_INT32")),
        ({"outputs": [[0.5]]}, _metadata("click", "order")),
        ({"outputs": {"click": [[0.5]]}}, _metadata("click", "order")),
    ],
)
def test_results_of_another_form_are_one_clear_error(
    server: _Server, answer: Any, metadata: bytes
) -> None:
    server.answers = [_answer(answer), metadata]
    with pytest.raises(ServingError, match="must answer signature `serving_default` of") as caught:
        RestModel(server.address, "ranker").predict("serving_default", INPUTS, 7)
    assert caught.value.code == "UNKNOWN"


def test_the_servers_own_words_are_kept(server: _Server) -> None:
    server.answers = [_answer({"error": "Too busy."}, "429 Too Many Requests")]
    with pytest.raises(ServingError, match="Received: RESOURCE_EXHAUSTED: Too busy. Send less"):
        RestModel(server.address, "ranker").signatures()
