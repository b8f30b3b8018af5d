from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from ranking.features.data_service import DataService
from ranking.features.dataset import training_batches
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from tests.helpers.data_service import running_data_service
from tests.helpers.small_runs import small_data

SESSIONS, BATCH = 61, 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("service") / "data", train=SESSIONS)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_data_service(workers=2) as address:
        yield address


@pytest.fixture(scope="module")
def one_worker() -> Iterator[str]:
    """For what holds within a pass: of two workers, one may begin the next before the other."""
    with running_data_service(workers=1) as address:
        yield address


def _batches(data: PreparedData, service: DataService | None, **changes: Any) -> tf.data.Dataset:
    arguments: dict[str, Any] = {
        "split": "train",
        "sessions_per_batch": BATCH,
        "replicas": 1,
        "seed": 3,
        "epoch": 0,
        "skip_batches": 0,
        "label": "click",
        "negatives_per_positive": None,
        "pad_to_max": False,
        "service": service,
    }
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return training_batches(data, encoder, **(arguments | changes))


def _by_session(batches: tf.data.Dataset, count: int) -> Iterator[tuple[bytes, str]]:
    """What is encoded of each session of the first batches."""
    for batch in batches.take(count).as_numpy_iterator():
        for row, name in enumerate(batch["session_id"]):
            length = batch["candidates_length"][row]
            shown = [batch[key][row, :length] for key in ("candidates_item", "labels_click")]
            yield name, str([part.tolist() for part in shown])


def test_batches_of_a_service_hold_what_this_process_would_encode(
    data: PreparedData, address: str
) -> None:
    expected = dict(_by_session(_batches(data, None), -1))
    service = DataService(address, "encodes")
    seen = set()
    # Passes leave out those alone that filled no batch each time; a busy worker may need many.
    for name, encoded in _by_session(_batches(data, service), 30 * SESSIONS // BATCH):
        assert expected.get(name, encoded) == encoded
        seen.add(name)
        if len(seen) > SESSIONS - 2 * BATCH:
            break
    assert len(seen) > SESSIONS - 2 * BATCH


def test_those_of_one_job_share_its_batches(one_worker: str, tmp_path: Path) -> None:
    # Who reads asks for some 20 batches ahead: of a short pass the first would take all.
    sessions, count = 1009, 3
    data = small_data(tmp_path / "data", train=sessions)
    one, other = (iter(_batches(data, DataService(one_worker, "shared"))) for _ in range(2))
    both = [next(reader) for _ in range(count) for reader in (one, other)]
    names = [name for batch in both for name in batch["session_id"].numpy()]
    assert len(names) == len(set(names)) == 2 * count * BATCH


def test_jobs_of_other_names_share_nothing(data: PreparedData, one_worker: str) -> None:
    seen = [
        {name for name, _ in _by_session(_batches(data, DataService(one_worker, job)), SESSIONS)}
        for job in ("first", "second")
    ]
    assert len(seen[0] & seen[1]) > SESSIONS / 2


def test_parts_for_replicas_come_one_after_the_other(data: PreparedData, address: str) -> None:
    service = DataService(address, "parts")
    parts = list(_batches(data, service, replicas=2).take(6).as_numpy_iterator())
    assert {len(part["session_id"]) for part in parts} == {BATCH // 2}
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        assert one["candidates_item"].shape == other["candidates_item"].shape


@pytest.mark.parametrize("address", ["localhost:5050", "grpc://host", "http://host:80", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="must be `grpc://host:port`. Received: '"):
        DataService(address, "job")


def test_a_service_that_is_not_there_is_told_at_once(data: PreparedData) -> None:
    with pytest.raises(ValueError, match="at grpc://localhost:1 must be reachable. Received: "):
        _batches(data, DataService("grpc://localhost:1", "job"))


def test_no_batch_can_be_skipped(data: PreparedData) -> None:
    with pytest.raises(ValueError, match="`skip_batches` must be 0 with a `service`"):
        _batches(data, DataService("grpc://nowhere:1", "job"), skip_batches=1)
