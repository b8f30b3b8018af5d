"""Checkpoints: whole or absent, everything or an error."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.optimizers import make_optimizer
from ranking.training.settings import TrainingSettings


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
    return model, optimizer, Checkpoints(folder, model, optimizer)


def _values(model: keras.Model, optimizer) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *optimizer.variables]]


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
    assert float(keras.ops.convert_to_numpy(kernel)[0, 0]) == 2.0
    checkpoints.restore_newest()
    assert float(keras.ops.convert_to_numpy(kernel)[0, 0]) == 4.0


def test_networks_alone_can_be_restored(tmp_path: Path) -> None:
    model, _, checkpoints = _trained(tmp_path)
    checkpoints.save(Progress(step=3))
    other = _model()
    Checkpoints(tmp_path, other).restore_best()
    for saved, restored in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(saved), keras.ops.convert_to_numpy(restored))


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
    with pytest.raises(ValueError, match="does not fit the model"):
        Checkpoints(tmp_path, _model(width=7)).restore_newest()


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    *_, checkpoints = _trained(tmp_path)
    folder = checkpoints.save(Progress(step=1))
    for path in folder.glob("variables.index"):
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match="does not fit the model, or is damaged"):
        checkpoints.restore_newest()
