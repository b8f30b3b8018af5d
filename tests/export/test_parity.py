"""The check before publishing, and what the SavedModel promises beyond it."""

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ranking.export.loaded_model import LoadedModel
from ranking.export.merged_requests import merge_requests
from ranking.export.parity import TOLERANCE, ParityError, check_parity
from ranking.export.parity_sessions import edge_sessions, parity_sessions
from ranking.features.spec import BEHAVIORS, UNKNOWN_ID
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.exported_model import ExportedModel, random_networks
from tests.helpers.small_spec import small_sessions

pytestmark = pytest.mark.slow

Request = dict[str, np.ndarray]
KEEPS = 11  # behaviors
UNICODE_ITEM = "söt-日本"


def _split(model: LoadedModel, request: Request) -> np.ndarray:
    """Scores through `gate` and then `score`."""
    return model("score", {**request, **model("gate", request)})["click"]


def _by_state(model: LoadedModel, request: Request) -> np.ndarray:
    """Scores through `session_state` and then `score_with_state`, which sees no session field."""
    candidates = {key: value for key, value in request.items() if key.startswith("candidates_")}
    return model("score_with_state", candidates | model("session_state", request))["click"]


def _at_once(model: LoadedModel, request: Request) -> np.ndarray:
    return model("serving_default", request)["click"]


@pytest.fixture(scope="module")
def requests(exported: ExportedModel) -> list[Request]:
    """Raw requests of one session, as a client sends them: histories are not cut, and an empty one
    is one slot."""
    spec = exported.data.spec
    sessions = small_sessions(spec, 29, seed=11).to_pylist()
    requests = [
        raw_request(spec, [session], extra=int(not session["behaviors"])) for session in sessions
    ]
    return [{key: _filled(value) for key, value in request.items()} for request in requests]


@pytest.fixture(scope="module")
def session(requests: list[Request]) -> Request:
    """One session with more than one behavior and more than one candidate."""
    return next(
        request
        for request in requests
        if 1 < request["behaviors_length"][0] < KEEPS and request["candidates_length"][0] > 2
    )


def test_a_hundred_sessions_and_their_edges_were_compared(exported: ExportedModel) -> None:
    parity = exported.export.parity
    assert parity.requests == 160
    assert parity.equal_ways == ("gate then score", "session_state then score_with_state")
    assert parity.largest_difference <= TOLERANCE
    assert 0 < parity.largest_merged_difference <= TOLERANCE


def test_every_way_of_asking_is_serving_default(
    exported: ExportedModel, served: LoadedModel, requests: list[Request]
) -> None:
    compared = parity_sessions(exported.data) + requests
    for request in compared:
        at_once = _at_once(served, request)
        np.testing.assert_array_equal(_split(served, request), at_once)
        np.testing.assert_array_equal(_by_state(served, request), at_once)
        if "examples" in request:
            results = served("examples", request)
            np.testing.assert_allclose(results["click"], at_once, atol=TOLERANCE, rtol=0)
            np.testing.assert_array_equal(
                results["candidates_length"], request["candidates_length"]
            )
    scores = np.concatenate([_at_once(served, request)[0] for request in compared])
    assert np.unique(scores).size > 300  # The model tells its inputs apart.


def test_edge_sessions_score_as_they_must(
    exported: ExportedModel, served: LoadedModel, session: Request
) -> None:
    edges = list(edge_sessions(exported.data.spec, session))
    scores = [_at_once(served, edge) for edge in edges]
    plain = _at_once(served, session)
    empty_by_length, empty_by_width, too_long, unknown, single_by_length, single_by_width = scores
    np.testing.assert_allclose(empty_by_width, empty_by_length, atol=TOLERANCE)
    assert np.abs(empty_by_length - plain).max() > 1e-3
    assert np.abs(too_long - plain).max() > 1e-3
    assert np.abs(unknown - plain).max() > 1e-3
    assert single_by_length.shape == plain.shape
    assert not single_by_length[:, 1:].any()
    assert single_by_width.shape == (1, 1)
    np.testing.assert_allclose(single_by_length[:, :1], plain[:, :1], atol=TOLERANCE)
    np.testing.assert_allclose(single_by_width, plain[:, :1], atol=TOLERANCE)


def test_no_slot_for_behaviors_is_an_empty_history(served: LoadedModel, session: Request) -> None:
    length = np.zeros(1, np.int32)
    no_slot = _sliced(session, BEHAVIORS, slice(0, 0)) | {"behaviors_length": length}
    one_slot = _sliced(session, BEHAVIORS, slice(0, 1)) | {"behaviors_length": length}
    np.testing.assert_allclose(
        _at_once(served, no_slot), _at_once(served, one_slot), atol=TOLERANCE
    )
    np.testing.assert_array_equal(_split(served, no_slot), _at_once(served, no_slot))


@pytest.mark.parametrize("ask", [_at_once, _split, _by_state])
def test_merged_requests_give_what_separate_ones_give(
    served: LoadedModel, requests: list[Request], ask: Callable[..., np.ndarray]
) -> None:
    separate = [ask(served, request)[0] for request in requests]
    merged = ask(served, merge_requests(requests))
    for row, scores in enumerate(separate):
        np.testing.assert_allclose(merged[row, : len(scores)], scores, atol=TOLERANCE, rtol=0)
        assert not merged[row, len(scores) :].any()


def test_results_of_separate_requests_can_be_merged(
    served: LoadedModel, requests: list[Request]
) -> None:
    whole = [request | served("session_state", request) for request in requests]
    states = {request["state_input_network_item"].shape for request in whole}
    assert len(states) > 3  # Padded among themselves.
    separate = [_at_once(served, request)[0] for request in requests]
    for signature in ("score", "score_with_state"):
        merged = served(signature, merge_requests(whole))["click"]
        for row, scores in enumerate(separate):
            np.testing.assert_allclose(merged[row, : len(scores)], scores, atol=TOLERANCE, rtol=0)
            assert not merged[row, len(scores) :].any()


def test_merged_gates_and_states_are_those_of_the_requests(
    served: LoadedModel, requests: list[Request]
) -> None:
    merged = served("session_state", merge_requests(requests))
    np.testing.assert_array_equal(served("gate", merge_requests(requests))["gate"], merged["gate"])
    for row, request in enumerate(requests):
        for name, value in served("session_state", request).items():
            valid = merged[name][row][tuple(slice(size) for size in value[0].shape)]
            np.testing.assert_allclose(valid, value[0], atol=5e-6, err_msg=name)


def test_merged_records_score_as_separate_ones(
    exported: ExportedModel, served: LoadedModel
) -> None:
    recorded = [each for each in parity_sessions(exported.data) if "examples" in each]
    merged = served("examples", merge_requests(recorded))
    for row, request in enumerate(recorded):
        scores = _at_once(served, request)[0]
        count = int(merged["candidates_length"][row])
        assert count == request["candidates_length"][0]
        np.testing.assert_allclose(merged["click"][row, :count], scores[:count], atol=TOLERANCE)
        assert not merged["click"][row, count:].any()


def test_what_padding_holds_changes_nothing(exported: ExportedModel, served: LoadedModel) -> None:
    spec = exported.data.spec
    sessions = small_sessions(spec, 13, seed=17).to_pylist()
    clean = raw_request(spec, sessions, extra=2)
    garbage = raw_request(spec, sessions, extra=2, garbage=True)
    np.testing.assert_array_equal(_at_once(served, garbage), _at_once(served, clean))
    np.testing.assert_array_equal(_split(served, garbage), _at_once(served, clean))
    np.testing.assert_array_equal(_by_state(served, garbage), _at_once(served, clean))


def test_long_histories_are_cut_as_in_training(
    exported: ExportedModel, served: LoadedModel, requests: list[Request]
) -> None:
    long = [request for request in requests if request["behaviors_length"][0] > KEEPS]
    assert long
    for request in long:
        newest = _sliced(request, BEHAVIORS, slice(-KEEPS, None))
        newest["behaviors_length"] = np.array([KEEPS], np.int32)
        np.testing.assert_array_equal(_at_once(served, request), _at_once(served, newest))
        oldest = _sliced(request, BEHAVIORS, slice(0, KEEPS))
        assert np.abs(_at_once(served, request) - _at_once(served, oldest)).max() > 1e-4


def test_unicode_ids_are_known(
    exported: ExportedModel, served: LoadedModel, session: Request
) -> None:
    items = np.full_like(session["candidates_item"], UNICODE_ITEM)
    known = session | {"candidates_item": items}
    unknown = session | {"candidates_item": np.full_like(items, UNICODE_ITEM + "ö")}
    assert exported.encoder(known)["candidates_item"][0, 0] > UNKNOWN_ID
    assert exported.encoder(unknown)["candidates_item"][0, 0] == UNKNOWN_ID
    encoded_in_bytes = session | {"candidates_item": np.full_like(items, UNICODE_ITEM.encode())}
    np.testing.assert_array_equal(_at_once(served, known), _at_once(served, encoded_in_bytes))
    assert np.abs(_at_once(served, known) - _at_once(served, unknown))[:, 0] > 1e-4


def test_another_models_scores_are_refused(
    exported: ExportedModel, served: LoadedModel, session: Request
) -> None:
    other = random_networks(exported.data, "dnn")
    with pytest.raises(ParityError, match="to within 2e-06. Request 0, task `click`: off by 0"):
        check_parity(served, other, exported.encoder, [session])


def test_a_gate_that_is_not_the_models_own_is_refused(
    exported: ExportedModel, served: LoadedModel, session: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LoadedModel.__call__

    def shifted(self: LoadedModel, signature: str, inputs: Request) -> Request:
        results = original(self, signature, inputs)
        return {"gate": results["gate"] + 1e-3} if signature == "gate" else results

    monkeypatch.setattr(LoadedModel, "__call__", shifted)
    with pytest.raises(
        ParityError, match="`gate then score` must .* bit for bit. Request 1, task `click`: off by"
    ):
        check_parity(served, exported.networks, exported.encoder, _one_good(session))


def test_a_state_that_is_not_the_models_own_is_refused(
    exported: ExportedModel, served: LoadedModel, session: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LoadedModel.__call__

    def shifted(self: LoadedModel, signature: str, inputs: Request) -> Request:
        results = original(self, signature, inputs)
        if signature == "session_state":
            results["state_input_network_query"] += 1e-2
        return results

    monkeypatch.setattr(LoadedModel, "__call__", shifted)
    with pytest.raises(ParityError, match="`session_state then score_with_state` must equal"):
        check_parity(served, exported.networks, exported.encoder, [session])


@pytest.mark.parametrize(("shift", "is_refused"), [(1e-6, False), (1e-4, True)])
def test_records_may_differ_by_rounding_alone(
    exported: ExportedModel,
    served: LoadedModel,
    monkeypatch: pytest.MonkeyPatch,
    shift: float,
    is_refused: bool,
) -> None:
    original = LoadedModel.__call__

    def shifted(self: LoadedModel, signature: str, inputs: Request) -> Request:
        results = original(self, signature, inputs)
        if signature == "examples":
            results["click"] = results["click"] + np.float32(shift) * (results["click"] > 0)
        return results

    monkeypatch.setattr(LoadedModel, "__call__", shifted)
    recorded = next(each for each in parity_sessions(exported.data) if "examples" in each)
    message = "`examples` must score as the Keras model does, to within 2e-06. Request 0, task"
    refused = pytest.raises(ParityError, match=message)
    with refused if is_refused else contextlib.nullcontext():
        report = check_parity(served, exported.networks, exported.encoder, [recorded])
        assert 5e-7 < report.largest_difference <= TOLERANCE


def test_scores_that_depend_on_other_sessions_are_refused(
    exported: ExportedModel,
    served: LoadedModel,
    requests: list[Request],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = LoadedModel.__call__

    def mixed(self: LoadedModel, signature: str, inputs: Request) -> Request:
        results = original(self, signature, inputs)
        return {name: value + 1e-4 * (len(value) > 1) for name, value in results.items()}

    monkeypatch.setattr(LoadedModel, "__call__", mixed)
    with pytest.raises(
        ParityError, match="merged with others must get its own .*`serving_default` too. Request 0"
    ):
        check_parity(served, exported.networks, exported.encoder, requests[:3])


def test_a_model_that_diverged_is_refused(
    exported: ExportedModel, served: LoadedModel, session: Request
) -> None:
    broken = session | {"candidates_popularity": np.full_like(session["candidates_price"], np.nan)}
    with pytest.raises(ParityError, match="Scores must be finite. Request 0.* published. Where"):
        check_parity(served, exported.networks, exported.encoder, [broken])


def _one_good(session: Request) -> Sequence[Request]:
    """A request without candidates, whose scores are 0 whatever the gate, then one with some."""
    return [session | {"candidates_length": np.zeros(1, np.int32)}, session]


def _sliced(request: Request, section: str, part: slice) -> Request:
    """The request with some positions of a section; its length stays."""
    lengths = f"{section}_length"
    return {
        key: value[:, part] if key.startswith(f"{section}_") and key != lengths else value
        for key, value in request.items()
    }


def _filled(value: np.ndarray) -> np.ndarray:
    """A client never sends an empty tensor: several ids have one slot at least."""
    if value.size:
        return value
    empty = {"O": "", "i": 0, "f": 0.0}[value.dtype.kind]
    return np.full([max(size, 1) for size in value.shape], empty, value.dtype)
