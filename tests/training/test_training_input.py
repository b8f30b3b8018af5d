import dataclasses
import math
import types
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.training import training_input as module
from ranking.training.training_input import TrainingInput
from tests.helpers.data_service import running_data_service
from tests.helpers.small_runs import small_data, small_run, started

SESSIONS, BATCH = 43, 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("input") / "data", train=SESSIONS, test=7)


def _input(
    data: PreparedData, *, workers: int = 1, index: int = 0, **settings: Any
) -> TrainingInput:
    service, said = settings.pop("data_service", None), settings.pop("said", {})
    run = small_run(Path("run"), data)
    run = dataclasses.replace(run, training=dataclasses.replace(run.training, **settings))
    told: Any = types.SimpleNamespace(
        count=workers, index=index, of_chief=lambda value: said.setdefault("by chief", value)
    )
    return TrainingInput(
        run,
        data,
        Encoder(data.spec, data.vocabulary_folder),
        label="click",
        sessions_per_batch=BATCH,
        epoch_steps=SESSIONS // BATCH,
        replicas=2,
        by_size=True,
        workers=told,
        data_service=service,
    )


def _names(batches: tf.data.Dataset) -> list[bytes]:
    return [name for batch in batches.as_numpy_iterator() for name in batch["session_id"]]


def test_epochs_are_read_anew_without_a_cache(data: PreparedData) -> None:
    source = _input(data)
    first, second = (_names(source.batches(epoch, 0)) for epoch in (0, 1))
    assert len(first) == len(second) == SESSIONS // BATCH * BATCH
    assert first != second
    assert _names(source.batches(1, 3)) == second[3 * BATCH :]


def test_a_cache_keeps_batches_and_changes_their_order(data: PreparedData) -> None:
    source = _input(data, cache="memory")
    first, second = (_names(source.batches(epoch, 0)) for epoch in (0, 1))
    # What stands together stays together, the halves of a batch too.
    groups = [{tuple(e[i : i + BATCH]) for i in range(0, len(e), BATCH)} for e in (first, second)]
    assert groups[0] == groups[1] and first != second
    assert first == _names(_input(data).batches(0, 0))
    # As a run that was stopped reads it.
    assert _names(_input(data, cache="memory").batches(1, 3)) == second[3 * BATCH :]


@pytest.mark.parametrize("deterministic", [True, False])
def test_the_order_is_asked_for(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(module, "training_batches", lambda *_, **given: seen.update(given))
    _input(data, deterministic=deterministic).batches(0, 0)
    assert seen["deterministic"] is deterministic


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_workers_have_every_batch_between_them(data: PreparedData, cache: str) -> None:
    whole = _input(data, cache=cache)
    shares = [_input(data, workers=2, index=index, cache=cache) for index in range(2)]
    for epoch, first_step in ((0, 0), (1, 3)):
        names = _names(whole.batches(epoch, first_step))
        parts = [_names(share.batches(epoch, first_step)) for share in shares]
        assert parts == [names[0::2], names[1::2]]
    sizes = {tensor.shape[0] for tensor in shares[1].batches(0, 0).element_spec.values()}
    assert sizes == {BATCH // 2}


def test_workers_need_one_order(data: PreparedData) -> None:
    with pytest.raises(ValueError, match="`deterministic` must be true on several machines"):
        _input(data, workers=2, deterministic=False)
    _input(data, deterministic=False)


def test_workers_share_the_batches_of_a_service(tmp_path: Path) -> None:
    # The first asks for some 20 batches ahead: of a short pass it would take all.
    data = small_data(tmp_path / "data", train=1009)
    said: dict[str, float] = {}
    with running_data_service(workers=1) as address:
        inputs = [
            _input(data, workers=2, index=at, data_service=address, said=said) for at in range(2)
        ]
        steps = SESSIONS // BATCH // 2
        # Each has half of a step's sessions, for its one replica.
        parts = [source.batches(0, 0).take(steps) for source in inputs]
        assert {tensor.shape[0] for tensor in parts[0].element_spec.values()} == {BATCH // 2}
        one, other = map(_names, parts)
    assert len({*one, *other}) == len(one) + len(other) == 2 * steps * BATCH // 2


def test_each_start_has_the_batches_of_a_service_to_itself(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=1009)
    with running_data_service(workers=1) as address:
        readers = [iter(_input(data, data_service=address).batches(0, 0)) for _ in range(2)]
        one, other = ([next(reader)["session_id"] for _ in range(6)] for reader in readers)
    assert tf.reduce_all(tf.equal(one, other))  # Of one job they would have nothing in common.


def test_what_does_not_go_together_is_refused(data: PreparedData) -> None:
    with pytest.raises(ValueError, match="`cache` must be none with a data service"):
        _input(data, cache="memory", data_service="grpc://host:1")
    with pytest.raises(ValueError, match="must be `grpc://host:port`"):
        _input(data, data_service="host:1")


def test_a_run_trains_on_batches_of_a_service(data: PreparedData, tmp_path: Path) -> None:
    with running_data_service(workers=2) as address:
        run = small_run(tmp_path / "run", data)
        trainer = started(run, data, data_service=address)
        progress = trainer.train(lambda progress, values: None)
    assert progress.step == trainer.epoch_steps
    entry = progress.history[0]
    assert math.isfinite(entry["loss"])
    assert 0 <= entry["candidates_padding"] < 1 and 0 <= entry["behaviors_padding"] < 1
