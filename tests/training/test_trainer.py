"""The trainer: stopping, continuing, choosing the best epoch, and noticing what goes wrong."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ranking.features.prepared_data import PreparedData, PreparedDataError, read_prepared
from ranking.training.checkpoints import Progress, checkpoint_steps
from ranking.training.divergence import DivergenceError
from ranking.training.flat_batch import ScoreError
from ranking.training.trainer import Trainer, load_networks
from tests.helpers.logical_devices import two_replicas
from tests.helpers.small_runs import small_data, small_run, started
from tests.helpers.weights import numbers

CONTRASTIVE = {
    "model": "aw_moe",
    "hidden_size": "5",
    "embedding_dropout": "0.1",
    "mask_probability": "0.3",
    "epochs": "2",
    "batch_size": "16",
    "checkpoint_steps": "2",
    "learning_rate_decay": "cosine",
    "negatives_per_positive": "1",
}


class _Killed(Exception):
    pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("trainer") / "data"
    return small_data(folder, train=61, validation=23, test=29)


def _ignore(progress: Progress, values: Mapping[str, float]) -> None:
    pass


def _killed_at(step: int) -> Any:
    """An observer that ends training after a step, as a signal would."""

    def observe(progress: Progress, values: Mapping[str, float]) -> None:
        if progress.step >= step and "epoch" not in values:
            raise _Killed

    return observe


@pytest.mark.slow
def test_a_stopped_run_continues_to_the_same_bits(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=41)
    whole = started(small_run(tmp_path / "whole", data, **CONTRASTIVE), data)
    expected = whole.train(_ignore)
    names = [variable.path for variable in whole.networks.training.variables]
    assert any("seed" in name for name in names) and any("embeddings" in name for name in names)
    assert whole.epoch_steps >= 5 and expected.step == 2 * whole.epoch_steps

    run = small_run(tmp_path / "run", data, **CONTRASTIVE)
    started(run, data, max_steps=3).train(_ignore)  # between two checkpoint steps
    with pytest.raises(_Killed):
        started(run, data).train(_killed_at(whole.epoch_steps + 2))
    last = started(run, data)
    _assert_same(last, last.train(_ignore), whole, expected)


@pytest.mark.slow
def test_a_run_stopped_between_epochs_continues_to_the_same_bits(
    data: PreparedData, tmp_path: Path
) -> None:
    settings = {"epochs": "2", "learning_rate_decay": "cosine", "dropout": "0.2"}
    whole = started(small_run(tmp_path / "whole", data, **settings), data)
    expected = whole.train(_ignore)
    run = small_run(tmp_path / "run", data, **settings)
    started(run, data, max_steps=whole.epoch_steps).train(_ignore)
    last = started(run, data)
    _assert_same(last, last.train(_ignore), whole, expected)


def _assert_same(one: Trainer, progress: Progress, other: Trainer, expected: Progress) -> None:
    for entry, wanted in zip(progress.history, expected.history, strict=True):
        del entry["impressions_per_second"], wanted["impressions_per_second"]
        assert entry == pytest.approx(wanted, rel=1e-5, nan_ok=True)
    for trainer in (one, other):
        trainer.checkpoints.restore_newest()  # `train` restored the best.
    states = [
        numbers([*trainer.networks.training.variables, *trainer.loop.optimizer.variables])
        for trainer in (one, other)
    ]
    for first, second in zip(*states, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_two_replicas_train_and_evaluate(data: PreparedData, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", data, **CONTRASTIVE | {"epochs": "1", "batch_size": "40"})
    trainer = started(run, data, strategy=two_replicas())
    before = numbers(trainer.networks.training.trainable_variables)
    progress = trainer.train(_ignore)
    after = numbers(trainer.networks.training.trainable_variables)
    assert trainer.replicas == 2 and trainer.sessions_per_batch % 2 == 0
    assert any(np.abs(one - other).max() > 0 for one, other in zip(before, after, strict=True))
    assert math.isfinite(progress.history[0]["contrastive"])
    metrics = trainer.evaluate("test").metrics()["click"]["all"]
    assert metrics["sessions"] == 29
    # What evaluation and export load later, on one device, is the same model.
    for one, other in zip(
        after, numbers(load_networks(run).training.trainable_variables), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_the_best_epoch_is_restored_and_patience_ends_the_run(
    data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.5, 0.7, 0.6, 0.7, 0.9])
    monkeypatch.setattr(Trainer, "_validate", lambda self, entry: next(values))
    trainer = started(small_run(tmp_path / "run", data, epochs="5", patience="2"), data)
    epochs = []

    def observe(progress: Progress, values: Mapping[str, float]) -> None:
        if "epoch" in values:
            epochs.append(numbers(trainer.networks.training.variables))

    progress = trainer.train(observe)
    assert (progress.epoch, progress.stale_epochs) == (4, 2)
    assert (progress.best_step, progress.best_value) == (2 * trainer.epoch_steps, 0.7)
    for one, other in zip(epochs[1], numbers(trainer.networks.training.variables), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any((one != other).any() for one, other in zip(epochs[1], epochs[3], strict=True))
    assert trainer.train(_ignore) == progress  # A run that is done stays as it is.


def test_training_needs_no_validation_split(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=31, test=7)
    trainer = started(small_run(tmp_path / "run", data, epochs="2", patience="1"), data)
    progress = trainer.train(_ignore)
    assert progress.epoch == 2
    assert progress.best_step == -1 and progress.step == trainer.total_steps
    assert not any(name.startswith("validation") for name in progress.history[0])


def test_without_a_validation_split_the_newest_weights_stay(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=31, test=7)
    run = small_run(tmp_path / "run", data, epochs="2", steps_per_call="1")
    epoch_steps = started(run, data, max_steps=1).epoch_steps
    trainer = started(run, data, max_steps=epoch_steps + 1)
    newest: list[np.ndarray] = []

    def observe(progress: Progress, values: Mapping[str, float]) -> None:
        newest[:] = numbers(trainer.networks.training.variables)

    progress = trainer.train(observe)
    assert (progress.epoch, progress.epoch_step, progress.best_step) == (1, 1, -1)
    assert checkpoint_steps(run.checkpoints) == [epoch_steps + 1]
    for networks in (trainer.networks, load_networks(run)):
        for one, other in zip(newest, numbers(networks.training.variables), strict=True):
            np.testing.assert_array_equal(one, other)


def test_max_steps_ends_training_within_an_epoch(data: PreparedData, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", data)
    trainer = started(run, data, max_steps=2)
    progress = trainer.train(_ignore)
    assert (progress.step, progress.epoch_step, progress.epoch) == (2, 2, 0)
    assert checkpoint_steps(run.checkpoints) == [2]
    newest = numbers(trainer.networks.training.variables)
    for one, other in zip(newest, numbers(load_networks(run).training.variables), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_continues_on_as_many_devices_as_before(data: PreparedData, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", data, batch_size="28")
    first = started(run, data, max_steps=1)
    assert first.sessions_per_batch % 2 == 1
    first.train(_ignore)
    with pytest.raises(ValueError, match="must continue on as many devices as it started on"):
        started(run, data, strategy=two_replicas()).train(_ignore)


def test_a_loss_that_is_not_finite_names_the_step_and_leaves_the_checkpoint(
    data: PreparedData, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", data, checkpoint_steps="2")
    trainer = started(run, data)
    weight = trainer.networks.training.trainable_variables[-1]

    def observe(progress: Progress, values: Mapping[str, float]) -> None:
        if progress.step == 2:
            weight.assign(np.full(weight.shape, np.nan))

    with pytest.raises(
        DivergenceError, match=r"loss=nan at step 3\. Lower `learning_rate` \(now 0"
    ):
        trainer.train(observe)
    assert checkpoint_steps(run.checkpoints) == [2]
    trainer.checkpoints.restore_newest()
    assert np.isfinite(weight.value.numpy()).all()


def test_weights_that_are_not_finite_are_never_saved(
    data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run(tmp_path / "run", data, checkpoint_steps="1", steps_per_call="1")
    trainer = started(run, data)
    weight = trainer.networks.training.trainable_variables[0]  # a table

    run_steps = trainer.loop.run

    def run_and_spoil(iterator: Any, steps: int) -> dict[str, float]:
        losses = run_steps(iterator, steps)
        weight.assign(np.full(weight.shape, np.inf))
        return losses

    monkeypatch.setattr(trainer.loop, "run", run_and_spoil)
    with pytest.raises(DivergenceError, match=r"infinite number in `.*embeddings` after step 1\."):
        trainer.train(_ignore)
    assert checkpoint_steps(run.checkpoints) == []


def test_validation_scores_that_are_no_numbers_name_the_step(
    data: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(self: Trainer, split: str) -> None:
        raise ScoreError("NaN")

    monkeypatch.setattr(Trainer, "evaluate", evaluate)
    trainer = started(small_run(tmp_path / "run", data), data)
    message = f"validation scores that are NaN after step {trainer.epoch_steps}. Lower"
    with pytest.raises(DivergenceError, match=message):
        trainer.train(_ignore)
    assert checkpoint_steps(trainer.run.checkpoints) == []


def test_a_batch_larger_than_the_training_split_is_refused(
    data: PreparedData, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", data, batch_size="5000")
    with pytest.raises(ValueError, match="at least one batch of .* set a smaller `batch_size`"):
        started(run, data)


def test_a_split_without_positives_is_refused(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=5, test=5)
    path = data.folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["splits"]["train"]["positives"]["click"] = 0
    path.write_text(json.dumps(manifest), encoding="utf-8")
    data = read_prepared(data.folder)
    with pytest.raises(ValueError, match="must have candidates with click = 1. Received: none of"):
        started(small_run(tmp_path / "run", data, negatives_per_positive="1"), data)


def test_a_training_split_is_needed(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=5, test=5)
    del data.manifest.splits["train"]
    with pytest.raises(PreparedDataError, match="has no split `train`"):
        started(small_run(tmp_path / "run", data), data)


@pytest.mark.slow
def test_a_record_that_changed_meanwhile_names_its_file(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=31, test=7)
    trainer = started(small_run(tmp_path / "run", data), data)
    for split in ("train", "test"):
        shard = data.files(split)[1]
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 0xFF
        shard.write_bytes(bytes(content))
    with pytest.raises(PreparedDataError, match="train.*00001-of-00002 is damaged: its checksum"):
        trainer.train(_ignore)
    with pytest.raises(PreparedDataError, match="is damaged: its checksum must be"):
        trainer.evaluate("test")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_record_that_lacks_a_field_names_the_field(split: str, tmp_path: Path) -> None:
    data = small_data(tmp_path / "data", train=31, test=7)
    shard = data.files(split)[0]
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(shard))]
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for record in records:
            example = tf.train.Example.FromString(record)
            del example.features.feature["session_id"]
            writer.write(example.SerializeToString())
    _resign(data.folder, shard)
    data = read_prepared(data.folder)
    trainer = started(small_run(tmp_path / "run", data), data)
    with pytest.raises(
        PreparedDataError, match="does not fit its feature_spec.json: Feature: session_id"
    ):
        if split == "train":
            trainer.train(_ignore)
        else:
            trainer.evaluate("test")


def _resign(folder: Path, shard: Path) -> None:
    """Makes the manifest say that the shard is as it should be."""
    from ranking.features.prepared_data import file_sha256

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for split in manifest["splits"].values():
        for entry in split["shards"]:
            if entry["file"] == shard.name:
                entry |= {"bytes": shard.stat().st_size, "sha256": file_sha256(shard)}
    path.write_text(json.dumps(manifest), encoding="utf-8")
