"""Sessions of a given size, and the ways to ask for their scores."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ranking.export.prediction_log import LoggedRequest
from ranking.features.inputs import raw_signature
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from tests.helpers.exported_model import prepared_small_data
from tools.serving_load import ServingLoad, per_candidate, write_load

ALL = (SESSION, BEHAVIORS, CANDIDATES)
SIGNATURES = ("serving_default", "gate", "score", "session_state", "score_with_state")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepared_small_data(tmp_path_factory.mktemp("load"), train=61, test=31)


def test_sessions_are_as_large_as_asked_for_and_whole(data: PreparedData) -> None:
    load = ServingLoad(data, seed=3)
    session = load.session(17, 23)
    assert set(session) == set(raw_signature(data.spec, ALL))
    assert session["behaviors_item"].shape == (1, 17)
    assert session["candidates_price"].shape == (1, 23)
    assert session["behaviors_topics"].shape[:2] == (1, 17)
    assert session["behaviors_length"].tolist() == [17]
    assert session["candidates_length"].tolist() == [23]
    # No element is padding: every behavior has an action, every candidate an item.
    assert set(session["behaviors_action"].flat) <= {b"click", b"order"}
    assert b"" not in session["candidates_item"].flat
    again = ServingLoad(data, seed=3).session(17, 23)
    np.testing.assert_array_equal(again["candidates_item"], session["candidates_item"])
    other = load.session(17, 23)["candidates_item"]
    assert (other != session["candidates_item"]).any()


def test_a_row_per_candidate_repeats_the_session(data: PreparedData) -> None:
    session = ServingLoad(data, seed=5).session(7, 11)
    flat = per_candidate(data.spec, session)
    assert {len(value) for value in flat.values()} == {11}
    assert flat["candidates_length"].tolist() == [1] * 11
    assert flat["candidates_sellers"].shape[:2] == (11, 1)
    np.testing.assert_array_equal(flat["candidates_item"][:, 0], session["candidates_item"][0])
    for row in range(11):
        np.testing.assert_array_equal(flat["behaviors_item"][row], session["behaviors_item"][0])
    np.testing.assert_array_equal(flat["behaviors_length"], [7] * 11)


@pytest.mark.parametrize(
    ("signatures", "ways"),
    [
        (SIGNATURES, ["joint", "gate", "state", "flat", "flat_gate"]),
        (SIGNATURES[:1], ["joint", "flat"]),
    ],
)
def test_every_way_that_the_model_has_is_a_file(
    data: PreparedData, tmp_path: Path, signatures: tuple[str, ...], ways: list[str]
) -> None:
    load = ServingLoad(data, seed=7)
    sessions = [load.session(5, 3) for _ in range(2)]
    paths = write_load(tmp_path, data.spec, sessions, signatures)
    assert [path.stem for path in paths] == ways
    asked = {path.stem: _read(path) for path in paths}
    assert [request.signature for request in asked["joint"]] == ["serving_default"] * 2
    assert [request.inputs["candidates_item"].shape for request in asked["flat"]] == [(3, 1)] * 2
    if "gate" in asked:
        assert [request.signature for request in asked["gate"]] == ["gate", "score"] * 2
        # The client takes the gate and the state from the answer before.
        assert "gate" not in asked["gate"][1].inputs
        assert set(asked["state"][1].inputs) == set(raw_signature(data.spec, (CANDIDATES,)))
        assert asked["flat_gate"][0].inputs["behaviors_item"].shape == (3, 5)


def _read(path: Path) -> list[LoggedRequest]:
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    return [LoggedRequest.from_bytes(record) for record in records]
