"""Training on several machines: the weights of one, one writer, and what the loss of one does."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipelines import train as program
from ranking.features.prepared_data import PreparedData
from ranking.training.checkpoints import checkpoint_steps
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_data
from tests.helpers.two_workers import run_two_workers, tf_config

STEPS = 7
# Adagrad, so that squares of gradients are compared too, and slots come back from a checkpoint.
SETTINGS = (
    "optimizer=adagrad",
    "learning_rate=0.05",
    "batch_size=48",
    "hidden_size=5",
    "hidden_sizes=7",
    "epochs=2",
    "steps_per_call=1",
    "checkpoint_steps=2",
    "negatives_per_positive=none",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(
        tmp_path_factory.mktemp("machines") / "data", train=61, validation=11, test=13
    )


def _flags(data: PreparedData, out: Path, *more: str) -> list[str]:
    folders = [f"--data={data.folder}", f"--out={out}"]
    settings = [f"--set={setting}" for setting in SETTINGS]
    return ["--model=dnn", "--preset=paper", f"--max_steps={STEPS}", *folders, *settings, *more]


@pytest.fixture(scope="module")
def undisturbed(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two workers that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    for code, _, err in run_two_workers(_flags(data, folder, "--export")):
        assert code == 0, err
    return folder


def _state(run: Path) -> dict[str, np.ndarray]:
    """All that the newest checkpoint of a run holds."""
    step = checkpoint_steps(run / "checkpoints")[-1]
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step:08d}" / "variables"))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith("_")]
    return {name: reader.get_tensor(name) for name in names if name != "save_counter"}


def _metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture
def run_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    return program_runner(program, monkeypatch, capfd)


@pytest.mark.slow
def test_two_workers_give_the_weights_of_one(
    data: PreparedData, undisturbed: Path, tmp_path: Path, run_alone: Callable
) -> None:
    code, _, err = run_alone(*_flags(data, tmp_path / "run", "--noexport"))
    assert code == 0, err
    one, two = _state(tmp_path / "run"), _state(undisturbed)
    assert one.keys() == two.keys() and any("optimizer" in name for name in one)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    metrics, expected = _metrics(undisturbed), _metrics(tmp_path / "run")
    train = {"steps": STEPS, "best_step": 5, "max_steps": STEPS}
    assert metrics["train"] == expected["train"] == train
    assert metrics["test"]["all"] == pytest.approx(expected["test"]["all"], rel=1e-3, nan_ok=True)


@pytest.mark.slow
def test_the_chief_alone_writes(undisturbed: Path) -> None:
    names = {path.name for path in undisturbed.iterdir()}
    assert names == {
        "settings.json",
        "feature_spec.json",
        "vocabularies",
        "checkpoints",
        "metrics.json",
        "sessions-test.parquet",
        "tensorboard",
        "export",
    }
    assert [path.name for path in undisturbed.parent.iterdir()] == ["run"]
    assert len(list((undisturbed / "tensorboard").iterdir())) == 1
    assert checkpoint_steps(undisturbed / "checkpoints") == [5, STEPS]
    # A server has no such machines.
    model = undisturbed / "export" / "1" / "saved_model.pb"
    assert b"/job:worker" not in model.read_bytes()


@pytest.mark.slow
def test_a_worker_that_is_lost_ends_the_others_and_all_continue(
    data: PreparedData, undisturbed: Path, tmp_path: Path
) -> None:
    flags = _flags(data, tmp_path / "run", "--noexport")
    chief, killed = run_two_workers(flags, dies=1, at_step=3)
    assert killed[0] == -9
    assert_one_error(chief, "Worker 0 of 2 has lost another worker, and cannot go on alone: ")
    assert checkpoint_steps(tmp_path / "run" / "checkpoints") == [2]

    killed, other = run_two_workers(flags, dies=0, at_step=4)  # the sixth of all
    assert killed[0] == -9
    assert_one_error(other, "Worker 1 of 2 has lost another worker, and cannot go on alone: ")

    chief, other = run_two_workers(flags)
    assert chief[0] == other[0] == 0, chief[2] + other[2]
    assert "Continuing the unfinished run" in chief[1]
    state, expected = _state(tmp_path / "run"), _state(undisturbed)
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(state[name], value, err_msg=name)
    assert _metrics(tmp_path / "run")["test"] == _metrics(undisturbed)["test"]


def test_a_broken_cluster_is_one_clear_error(
    data: PreparedData, tmp_path: Path, run_alone: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, message in (
        ("{", "TF_CONFIG must be JSON: "),
        (tf_config(["localhost:1"], 1), "TF_CONFIG must hold a `task.index` from 0 to 0, the last"),
    ):
        monkeypatch.setenv("TF_CONFIG", text)
        run = tmp_path / "run"
        assert_one_error(run_alone(*_flags(data, run)), message, run)


def test_several_cpu_devices_on_several_machines_are_refused(
    data: PreparedData, tmp_path: Path, run_alone: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config(["localhost:1", "localhost:2"], 0))
    result = run_alone(*_flags(data, tmp_path / "run", "--devices=2"))
    assert_one_error(result, "`devices` must be 1, or left out, on several machines without GPUs")
