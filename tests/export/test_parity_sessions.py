"""What an export is checked with."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ranking.export.parity_sessions import edge_sessions, parity_sessions
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.prepared_data import PreparedData
from ranking.features.record_values import RecordValues
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, UNKNOWN_ID
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.exported_model import prepared_small_data
from tests.helpers.small_spec import small_sessions

EDGES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepared_small_data(tmp_path_factory.mktemp("data"), train=61, validation=13, test=101)


def _without(data: PreparedData, *splits: str) -> PreparedData:
    kept = {name: split for name, split in data.manifest.splits.items() if name not in splits}
    return dataclasses.replace(data, manifest=dataclasses.replace(data.manifest, splits=kept))


def _edges(data: PreparedData, number: int) -> list[dict[str, np.ndarray]]:
    sessions = small_sessions(data.spec, number + 1, seed=5).to_pylist()
    return list(edge_sessions(data.spec, raw_request(data.spec, [sessions[number]], extra=1)))


def test_requests_are_a_hundred_sessions_and_edge_cases_of_every_tenth(data: PreparedData) -> None:
    requests = parity_sessions(data)
    assert len(requests) == 100 + 10 * EDGES
    signature = raw_signature(data.spec, (SESSION, BEHAVIORS, CANDIDATES))
    assert sum("examples" in request for request in requests) == 100
    for request in requests:
        assert set(request) - {"examples"} == set(signature)
        for key, spec in signature.items():
            value = tf.constant(request[key])
            assert (value.dtype, value.shape.rank) == (spec.dtype, spec.shape.rank), key
            assert value.shape[0] == 1


def test_a_recorded_session_is_what_its_record_alone_holds(data: PreparedData) -> None:
    values = RecordValues(data.spec, data.vocabulary_folder)
    recorded = [request for request in parity_sessions(data) if "examples" in request]
    assert len({request["behaviors_item"].shape for request in recorded}) > 3
    assert len({request["candidates_sellers"].shape for request in recorded}) > 3
    for request in recorded[:23]:
        alone = values.raw_batch(request["examples"])
        for key in set(request) - {"examples"}:
            np.testing.assert_array_equal(request[key], alone[key].numpy(), err_msg=key)


def test_another_split_stands_in_for_the_test_split(data: PreparedData) -> None:
    assert len(parity_sessions(_without(data, "test"))) == 13 + 2 * EDGES


def test_no_session_at_all_is_an_error(data: PreparedData) -> None:
    with pytest.raises(ValueError, match="must hold a session to check the export with"):
        parity_sessions(_without(data, "train", "validation", "test"))


@pytest.mark.parametrize("session", [0, 1])  # Session 1 has no behaviors.
def test_edges_are_what_they_say(data: PreparedData, session: int) -> None:
    encoder = Encoder(data.spec, data.vocabulary_folder)
    edges = _edges(data, session)
    encoded = [{key: value.numpy() for key, value in encoder(edge).items()} for edge in edges]
    assert len(edges) == EDGES
    assert [int(batch["behaviors_length"][0]) for batch in encoded[:3]] == [0, 0, 11]
    assert edges[1]["behaviors_item"].shape == (1, 1)
    assert edges[2]["behaviors_item"].shape[1] > 11
    assert [int(batch["candidates_length"][0]) for batch in encoded[4:]] == [1, 1]
    assert edges[5]["candidates_sellers"].shape[:2] == (1, 1)


def test_unknown_ids_are_unknown_to_every_table_but_hashes(data: PreparedData) -> None:
    encoded = Encoder(data.spec, data.vocabulary_folder)(_edges(data, 0)[3])
    for field in data.spec.session + data.spec.behaviors + data.spec.candidates:
        if field.kind == "id" and data.spec.table_of(field).kind != "hash_buckets":
            length = encoded[f"{field.section}_length"][0] if field.section != SESSION else 1
            assert set(np.ravel(encoded[field.key])[:length]) == {UNKNOWN_ID}, field.key


def test_a_missing_shard_is_named(data: PreparedData, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(data, folder=tmp_path)
    with pytest.raises(ValueError, match="small-test.tfrecord.* is missing"):
        parity_sessions(elsewhere)
