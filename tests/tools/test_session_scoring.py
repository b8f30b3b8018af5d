"""What is the session's once, candidates in shards: with a model in this process."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tools.served_model import Prediction, ServedSignature, served_tensor
from tools.serving_error import ServingError
from tools.session_scoring import score_session

RATE = served_tensor("DT_FLOAT", 2)
LENGTH = served_tensor("DT_INT32", 1)
GATE = {"gate": RATE}
SESSION = {"age": served_tensor("DT_INT64", 1), "behaviors_item": served_tensor("DT_STRING", 2)}
CANDIDATES = {"candidates_price": RATE, "candidates_length": LENGTH}
SCORES = {"click": RATE, "order": RATE}
SIGNATURES = {
    "serving_default": ServedSignature(SESSION | CANDIDATES, SCORES),
    "gate": ServedSignature(SESSION, GATE),
    "score": ServedSignature(SESSION | CANDIDATES | GATE, SCORES),
}


class Model:
    """Scores a price with the sum of the gate; every version adds itself."""

    def __init__(self) -> None:
        self.version = 1
        self.loaded = {1}
        self.asked: list[tuple[str, int | None, int]] = []
        self.inputs: list[Mapping[str, np.ndarray]] = []

    def signatures(self) -> Any:
        return SIGNATURES

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], version: int | None = None
    ) -> Prediction:
        assert set(inputs) == set(SIGNATURES[signature].inputs)
        prices = inputs.get("candidates_price")
        self.asked.append((signature, version, 0 if prices is None else prices.shape[1]))
        self.inputs.append(inputs)
        version = self.version if version is None else version
        if version not in self.loaded:
            raise ServingError("shop:1", signature, "NOT_FOUND", f"no {version}")
        if signature == "gate":
            result = {"gate": np.array([[3.0, 4.0]], np.float32)}
            self.after_gate()
            return Prediction(result, version)
        clicks = prices * (7 if signature == "serving_default" else inputs["gate"].sum()) + version
        # Servers that merge requests answer with padding behind.
        padded = np.pad(clicks, [(0, 0), (0, 2)])
        return Prediction({"click": padded, "order": -padded}, version)

    def after_gate(self) -> None:
        """What happens between the gate and the scores."""


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def request_() -> dict[str, np.ndarray]:
    """Five candidates in seven slots, and an empty history without slots."""
    return {
        "age": np.array([31]),
        "behaviors_item": np.zeros([1, 0], object),
        "candidates_price": np.array([[2, 3, 5, 7, 11, 13, 17]], np.float32),
        "candidates_length": np.array([5], np.int32),
    }


def _clicks(version: int, prices: list[int]) -> list[float]:
    return [7.0 * price + version for price in prices]


@pytest.mark.parametrize(
    ("size", "widths"), [(0, [5]), (1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])]
)
def test_one_gate_and_a_score_call_per_shard(
    model: Model, request_: dict[str, np.ndarray], size: int, widths: list[int]
) -> None:
    result = score_session(model, SIGNATURES, request_, shard_size=size)
    assert model.asked[0] == ("gate", None, 0)
    # Shards are scored at the same time, by the version that gave the gate.
    assert sorted(model.asked[1:]) == sorted(("score", 1, width) for width in widths)
    assert result.calls == ("gate", *["score"] * len(widths))
    assert result.version == 1
    assert result.scores["click"].tolist() == _clicks(1, [2, 3, 5, 7, 11])
    assert result.scores["order"].tolist() == [-one for one in _clicks(1, [2, 3, 5, 7, 11])]


def test_a_new_version_in_between_changes_nothing(
    model: Model, request_: dict[str, np.ndarray]
) -> None:
    def publish() -> None:
        model.version, model.loaded = 2, {1, 2}

    model.after_gate = publish
    result = score_session(model, SIGNATURES, request_, shard_size=2)
    assert result.version == 1 and result.calls.count("gate") == 1
    assert result.scores["click"].tolist() == _clicks(1, [2, 3, 5, 7, 11])


def test_a_version_that_is_gone_makes_the_session_begin_anew(
    model: Model, request_: dict[str, np.ndarray]
) -> None:
    def replace() -> None:
        model.version, model.loaded = 2, {2}

    model.after_gate = replace
    result = score_session(model, SIGNATURES, request_, shard_size=3)
    assert result.version == 2 and result.calls.count("gate") == 2
    assert result.scores["click"].tolist() == _clicks(2, [2, 3, 5, 7, 11])


def test_it_begins_anew_once(model: Model, request_: dict[str, np.ndarray]) -> None:
    def replace() -> None:
        model.version += 1
        model.loaded = {model.version}

    model.after_gate = replace
    with pytest.raises(ServingError, match="Received: NOT_FOUND: no 2"):
        score_session(model, SIGNATURES, request_)
    assert [signature for signature, _, _ in model.asked] == ["gate", "score"] * 2


def test_a_model_without_a_gate_scores_at_once(
    model: Model, request_: dict[str, np.ndarray]
) -> None:
    signatures = {"serving_default": SIGNATURES["serving_default"]}
    result = score_session(model, signatures, request_, shard_size=2)
    widths = {"serving_default": [2, 2, 1]}
    assert sorted(model.asked[1:], key=str) == sorted(
        (("serving_default", 1, width) for width in widths["serving_default"][1:]), key=str
    )
    assert model.asked[0] == ("serving_default", None, 2)
    assert result.scores["click"].tolist() == _clicks(1, [2, 3, 5, 7, 11])


def test_what_is_empty_is_sent_with_a_slot(model: Model, request_: dict[str, np.ndarray]) -> None:
    score_session(model, SIGNATURES, request_)
    assert [inputs["behaviors_item"].tolist() for inputs in model.inputs] == [[[b""]]] * 2


def test_without_candidates_nothing_is_asked(model: Model, request_: dict[str, np.ndarray]) -> None:
    request_["candidates_length"][:] = 0
    result = score_session(model, SIGNATURES, request_)
    assert model.asked == [] and result.version is None
    assert {task: len(scores) for task, scores in result.scores.items()} == {"click": 0, "order": 0}


def test_mistakes_are_clear_errors(model: Model, request_: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="signatures for: gate, joint. Received: 'state'"):
        score_session(model, SIGNATURES, request_, flow="state")
    with pytest.raises(ValueError, match="Did you mean `gate`"):
        score_session(model, SIGNATURES, request_, flow="gates")
    two = {**request_, "age": np.array([31, 47])}
    with pytest.raises(ValueError, match="must hold one session. Received: 2 in `age`"):
        score_session(model, SIGNATURES, two)
    eight = {**request_, "candidates_length": np.array([8], np.int32)}
    message = "`candidates_price` must have a slot for each of 8 candidates, .* Received: 7 slots"
    with pytest.raises(ValueError, match=message):
        score_session(model, SIGNATURES, eight, shard_size=3)
    assert model.asked == []
    del request_["age"]
    with pytest.raises(ValueError, match="every input of signature `gate`. Missing: age"):
        score_session(model, SIGNATURES, request_)
