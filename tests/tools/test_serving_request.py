"""Requests from JSON files and prepared data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranking.features.prepared_data import PreparedData
from tests.helpers.small_runs import small_data
from tools.served_model import served_tensor
from tools.serving_request import read_json_request, read_recorded_request

INPUTS = {
    "query": served_tensor("DT_STRING", 1),
    "hour": served_tensor("DT_INT64", 1),
    "candidates_length": served_tensor("DT_INT32", 1),
    "candidates_price": served_tensor("DT_FLOAT", 2),
    "candidates_tags": served_tensor("DT_STRING", 3),
}
GOOD = {
    "query": ["söt"],
    "hour": [-7],
    "candidates_length": [2],
    "candidates_price": [[1.5, 2]],
    "candidates_tags": [[["a", ""], [{"b64": "/w=="}, "b"]]],
}


def _read(folder: Path, document: Any) -> dict[str, np.ndarray]:
    path = folder / "request.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return read_json_request(path, INPUTS)


@pytest.mark.parametrize("wrap", [False, True])
def test_values_get_the_types_of_the_signature(tmp_path: Path, wrap: bool) -> None:
    document = {"signature_name": "serving_default", "inputs": GOOD} if wrap else GOOD
    request = _read(tmp_path, document)
    assert {key: value.dtype.name for key, value in request.items()} == {
        "query": "object",
        "hour": "int64",
        "candidates_length": "int32",
        "candidates_price": "float32",
        "candidates_tags": "object",
    }
    assert request["query"].tolist() == ["söt".encode()]
    assert request["hour"].tolist() == [-7]
    assert request["candidates_price"].tolist() == [[1.5, 2]]
    assert request["candidates_tags"].tolist() == [[[b"a", b""], [b"\xff", b"b"]]]


def test_empty_lists_keep_their_rank(tmp_path: Path) -> None:
    request = _read(tmp_path, {**GOOD, "candidates_price": [[]], "candidates_tags": [[[], []]]})
    assert request["candidates_price"].shape == (1, 0)
    assert request["candidates_tags"].shape == (1, 2, 0)


def test_an_empty_list_need_not_say_how_deep_it_would_go(tmp_path: Path) -> None:
    request = _read(tmp_path, {**GOOD, "candidates_price": [[]], "candidates_tags": [[]]})
    assert request["candidates_price"].shape == (1, 0)
    assert request["candidates_tags"].shape == (1, 0, 0)
    assert request["candidates_tags"].dtype == object


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours": [1]}, "has no place for `hours`. Did you mean `hour`"),
        ({"hour": [1.5]}, "`hour` must hold whole numbers of 64 bits. Received: 1.5"),
        ({"hour": [True]}, "`hour` must hold whole numbers of 64 bits. Received: True"),
        ({"hour": [1 << 70]}, f"`hour` must hold whole numbers of 64 bits. Received: {1 << 70}"),
        ({"hour": [-(1 << 63) - 1]}, "`hour` must hold whole numbers of 64 bits. Received: -9223"),
        ({"candidates_length": [3_000_000_000]}, "whole numbers of 32 bits. Received: 3000000000"),
        ({"candidates_price": [[10**400]]}, "must hold numbers of 32 bits. Received: 1000"),
        ({"query": [None]}, "`query` must hold texts. Received: None"),
        ({"query": [{"b64": 5}]}, "`query` must hold texts. Received: {'b64': 5}"),
        ({"query": [{"b64": "x"}]}, "`query` must hold texts. Received: {'b64': 'x'}"),
        ({"query": [{"b64": "é"}]}, "`query` must hold texts. Received: {'b64': 'é'}"),
        ({"candidates_price": [["2"]]}, "must hold numbers of 32 bits. Received: '2'"),
        ({"query": "red"}, "`query` must have 1 dimensions, .* Received: shape \\[\\]"),
        ({"candidates_price": [1.0]}, "must have 2 dimensions, .* Received: shape \\[1\\]"),
        ({"candidates_price": []}, "must have 2 dimensions, .* Received: shape \\[0\\]"),
        ({"candidates_price": [[[]]]}, "must have 2 dimensions, .* Received: shape \\[1, 1, 0\\]"),
        ({"candidates_tags": [[["a"], []]]}, "the lists in `candidates_tags` must be equally long"),
    ],
)
def test_a_wrong_value_is_one_clear_error(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"request.json.*{message}"):
        _read(tmp_path, {**GOOD, **changes})


def test_a_wrong_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be JSON in UTF-8: Expecting value: line 1"):
        _read(tmp_path, "no json")
    with pytest.raises(ValueError, match="must hold an object with key `inputs`"):
        _read(tmp_path, [1])
    missing = "hour, candidates_length, candidates_price, candidates_tags"
    with pytest.raises(ValueError, match=f"Missing: {missing}."):
        _read(tmp_path, {"query": ["x"]})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("requests") / "data", train=13, test=7)


def test_recorded_sessions_are_those_of_the_split(data: PreparedData) -> None:
    requests = [read_recorded_request(data, "test", number) for number in range(7)]
    queries = {request["query"][0] for request in requests}
    assert len(queries) > 1 and queries <= {b"red shoes", b"boots", b""}
    for request in requests:
        assert request["candidates_price"].shape == (1, request["candidates_length"][0])
        assert "click" not in " ".join(request)
    with pytest.raises(ValueError, match="must be below 7, .* Received: 7"):
        read_recorded_request(data, "test", 7)
