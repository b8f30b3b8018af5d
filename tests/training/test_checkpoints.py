"""Checkpoints: whole or absent, everything or an error."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ranking.training.checkpoints import Checkpoints, Progress, checkpoint_steps
from ranking.training.optimizers import make_optimizer
from ranking.training.settings import TrainingSettings
from tests.helpers.weights import numbers

ORIGIN = {"model": "dnn", "spec_fingerprint": "5e1f", "training_settings": {"epochs": 2}}


def _model(width: int = 5) -> keras.Model:
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(width)(inputs))
    return keras.Model(inputs, keras.layers.Dense(1)(hidden))


def _trained(folder: Path, steps: int = 3):
    model = _model()
    optimizer = make_optimizer(TrainingSettings(learning_rate=0.1), model, steps)
    for _ in range(steps):
        optimizer.apply([weight * 0.1 + 1.0 for weight in model.trainable_variables])
        model(np.ones((2, 3)), training=True)
    return model, optimizer, Checkpoints(folder, model, optimizer, origin=ORIGIN)


def _values(model: keras.Model, optimizer) -> list[np.ndarray]:
    return numbers([*model.variables, *optimizer.variables])


def test_weights_slots_and_random_state_come_back(tmp_path: Path) -> None:
    model, optimizer, checkpoints = _trained(tmp_path)
    progress = Progress(step=3, epoch=1, best_step=3, best_value=0.7, history=({"loss": 1.0},))
    checkpoints.save(progress)
    other_model, other_optimizer, other = _trained(tmp_path, steps=1)
    assert other.restore_newest() == progress
    pairs = zip(_values(model, optimizer), _values(other_model, other_optimizer), strict=True)
    for saved, restored in pairs:
        np.testing.assert_array_equal(saved, restored)
    batch = np.ones((2, 3))
    np.testing.assert_array_equal(
        model(batch, training=True), other_model(batch, training=True), strict=True
    )


def test_best_and_newest_stay_and_others_go(tmp_path: Path) -> None:
    model, _, checkpoints = _trained(tmp_path)
    kernel = model.trainable_variables[0]
    for step, best in ((1, 1), (2, 2), (3, 2), (4, 2)):
        kernel.assign(np.full(kernel.shape, float(step)))
        checkpoints.save(Progress(step=step, best_step=best))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["step-00000002", "step-00000004"]
    assert checkpoints.restore_best().step == 4
    assert kernel.numpy()[0, 0] == 2.0
    checkpoints.restore_newest()
    assert kernel.numpy()[0, 0] == 4.0


def test_networks_alone_can_be_restored(tmp_path: Path) -> None:
    model, _, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=3))
    other = _model()
    Checkpoints(tmp_path, other, origin=ORIGIN).restore_best()
    for saved, restored in zip(numbers(model.weights), numbers(other.weights), strict=True):
        np.testing.assert_array_equal(saved, restored)


def test_a_fresh_folder_means_a_fresh_start(tmp_path: Path) -> None:
    *_, checkpoints = _trained(tmp_path / "none")
    assert checkpoints.restore_newest() == Progress()
    with pytest.raises(ValueError, match="holds no checkpoint"):
        checkpoints.restore_best()


def test_half_written_checkpoints_are_not_seen(tmp_path: Path) -> None:
    *_, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=1))
    partial = tmp_path / ".partial-step-00000002"
    partial.mkdir()
    (partial / "progress.json").write_text("{")
    assert checkpoints.restore_newest().step == 1


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    *_, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=1))
    with pytest.raises(ValueError, match="is damaged, or of a run with other settings or another"):
        Checkpoints(tmp_path, _model(width=7), origin=ORIGIN).restore_newest()


@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
@pytest.mark.parametrize("fault", ["cut short", "gone"])
def test_damaged_checkpoints_are_refused(tmp_path: Path, file: str, fault: str) -> None:
    *_, checkpoints = _trained(tmp_path)
    path = checkpoints.save(Progress(step=1)) / file
    content = path.read_bytes()
    path.unlink()
    if fault == "cut short":
        path.write_bytes(content[:20])
    with pytest.raises(
        ValueError, match="step-00000001 is damaged, or of a run with .* Remove its"
    ):
        checkpoints.restore_newest()


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"history": [], "stepp": 1}', None])
def test_damaged_progress_is_refused(tmp_path: Path, text: str | None) -> None:
    *_, checkpoints = _trained(tmp_path)
    path = checkpoints.save(Progress(step=1)) / "progress.json"
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"step-00000001 is damaged: progress.json: .*\. Remove its"
    ):
        checkpoints.restore_newest()


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    *_, checkpoints = _trained(tmp_path)
    (tmp_path / "step-00000009.backup").mkdir()
    for step in (1, 2):
        checkpoints.save(Progress(step=step))
    assert checkpoint_steps(tmp_path) == [2]
    assert (tmp_path / "step-00000009.backup").is_dir()


def _copied(tmp_path: Path, **changes: object) -> Checkpoints:
    """The checkpoints of a run that `changes` set apart from the one whose checkpoint is there."""
    model, optimizer, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=1))
    return Checkpoints(tmp_path, model, optimizer, origin=ORIGIN | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": "din"},
            r'must be of the run .* of a run with another model \("dnn"\)\. Put the',
        ),
        ({"spec_fingerprint": "77aa"}, r'of a run with another spec_fingerprint \("5e1f"\)\. Put'),
        (
            {"training_settings": {"epochs": 3}, "spec_fingerprint": "77aa"},
            r'of a run with another spec_fingerprint \("5e1f"\), training_settings\.epochs \(2\)\.',
        ),
    ],
)
def test_a_checkpoint_of_another_run_with_equal_shapes_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    checkpoints = _copied(tmp_path, **changes)
    for restore in (checkpoints.restore_newest, checkpoints.restore_best):
        with pytest.raises(ValueError, match=message):
            restore()


def test_settings_that_came_later_are_no_difference(tmp_path: Path) -> None:
    later = _copied(tmp_path, training_settings={"epochs": 2, "clip_norm": 1.0}, warm_start=None)
    assert later.restore_newest().step == 1


def test_a_checkpoint_that_does_not_say_its_run_is_taken(tmp_path: Path) -> None:
    """Earlier versions wrote no `run.json`."""
    checkpoints = _copied(tmp_path, spec_fingerprint="77aa")
    (tmp_path / "step-00000001" / "run.json").unlink()
    assert checkpoints.restore_best().step == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_a_damaged_origin_is_refused(tmp_path: Path, text: str) -> None:
    checkpoints = _copied(tmp_path)
    (tmp_path / "step-00000001" / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"step-00000001 is damaged: run\.json: .*\. Put the run's"
    ):
        checkpoints.restore_newest()


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name_and_older_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=1))
    events: list[str] = []
    for module, name in ((os, "fsync"), (os, "replace"), (shutil, "rmtree")):
        monkeypatch.setattr(module, name, _recorded(name, getattr(module, name), events))
    checkpoints.save(Progress(step=2))
    files = ["progress.json", "run.json", "variables.data-00000-of-00001", "variables.index"]
    start = events.index("rmtree step-00000002") - len(files) - 1
    assert sorted(events[start:][: len(files)]) == [f"fsync {file}" for file in files]
    assert events[start + len(files) :] == [
        "fsync .partial-step-00000002",
        "rmtree step-00000002",  # which is not there
        "replace .partial-step-00000002",
        f"fsync {tmp_path.name}",
        "rmtree step-00000001",
    ]


def _recorded(name: str, function: Callable[..., Any], events: list[str]) -> Callable[..., Any]:
    def recorded(path: Any, *arguments: Any, **options: Any) -> Any:
        events.append(f"{name} {_name(path)}")
        return function(path, *arguments, **options)

    return recorded


def _name(path: int | str | Path) -> str:
    """The name of a path, or of the file that a descriptor stands for."""
    return Path(os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else str(path)).name
