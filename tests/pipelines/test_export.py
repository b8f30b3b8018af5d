"""The export program: what it prints, and what it says when it cannot."""

import dataclasses
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

from pipelines import export as program
from pipelines.export import export_run, print_export
from ranking.export.loaded_model import LoadedModel
from ranking.export.parity import ParityReport
from ranking.export.saved_model import Export
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.models.scoring import full_scores
from ranking.training.metrics_file import write_metrics
from ranking.training.run_folder import open_run, start_run
from ranking.training.trainer import Trainer
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.logical_devices import two_replicas
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_batch, small_data, small_run, started

pytestmark = pytest.mark.slow

RunProgram = Callable[..., tuple[int, str, str]]


def _console() -> Console:
    return Console(file=io.StringIO(), width=40)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("data") / "data", train=61, test=13)


@pytest.fixture(scope="module")
def trainer(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run of a few steps on two devices."""
    sizes = {"experts": "3", "expert_hidden_sizes": "7", "hidden_size": "5", "steps_per_call": "1"}
    run = small_run(tmp_path_factory.mktemp("run") / "run", data, "aw_moe", **sizes)
    trainer = started(run, data, strategy=two_replicas(), max_steps=3)
    trainer.train(lambda progress, values: None)
    return trainer


@pytest.fixture
def run_program(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunProgram:
    return program_runner(program, monkeypatch, capfd)


def test_a_run_trained_on_two_devices_is_exported(
    trainer: Trainer, run_program: RunProgram, tmp_path: Path
) -> None:
    folder = trainer.run.folder
    code, out, err = run_program(f"--run={folder}", f"--out={tmp_path}")
    assert code == 0, err
    names = "serving_default, gate, score, session_state, score_with_state, examples"
    assert f"SavedModel with signatures {names}" in out
    assert "checked on 25 requests: scores within" in out
    ways = "gate then score, session_state then score_with_state"
    assert f"equal to serving_default bit for bit: {ways}\n" in out
    assert "36 warm-up requests answered" in out
    assert f"export: {tmp_path / '1'}" in out
    sessions = small_batch(5, "export").to_pylist()
    request = raw_request(trainer.run.spec, sessions, extra=1)
    batch = Encoder(trainer.run.spec, trainer.run.vocabularies)(request)
    model = LoadedModel(tmp_path / "1")
    scores = model("serving_default", request)["click"]
    model.close()
    expected = keras.ops.convert_to_numpy(full_scores(trainer.networks, batch)["click"])
    np.testing.assert_allclose(scores, expected, atol=2e-6)
    assert scores[scores > 0].std() > 1e-3


def test_the_model_card_says_what_the_run_was(
    trainer: Trainer, run_program: RunProgram, tmp_path: Path
) -> None:
    shutil.copytree(trainer.run.folder, tmp_path / "run")
    write_metrics(
        tmp_path / "run" / "metrics.json",
        {"test": {"all": {"auc": 0.8125, "ece": float("nan")}}, "train": {"steps": 3}},
    )
    for number in (2, 3, 4):
        (tmp_path / "versions" / str(number)).mkdir(parents=True)
    out = f"--out={tmp_path / 'versions'}"
    code, printed, err = run_program(f"--run={tmp_path / 'run'}", out, "--keep=2")
    assert code == 0, err
    assert "removed older versions: 2, 3" in printed
    assert sorted(path.name for path in (tmp_path / "versions").iterdir()) == ["4", "5"]
    extra = tmp_path / "versions" / "5" / "assets.extra"
    card = json.loads((extra / "model_card.json").read_text(encoding="utf-8"))
    assert card["model"] == "aw_moe" and card["simulated"] is True
    assert card["settings"]["model_settings"]["experts"] == 3
    assert card["settings"]["training_settings"]["batch_size"] == 40
    assert card["metrics"] == {"test": {"all": {"auc": 0.8125, "ece": None}}}
    assert "| test |  | 0.8125 |" in (extra / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_run_whose_spec_was_changed_is_refused(
    trainer: Trainer, run_program: RunProgram, tmp_path: Path
) -> None:
    shutil.copytree(trainer.run.folder, tmp_path / "run")
    changed = dataclasses.replace(trainer.run.spec, behaviors_max_length=7)
    (tmp_path / "run" / "feature_spec.json").write_text(changed.to_json(), encoding="utf-8")
    code, _, err = run_program(f"--run={tmp_path / 'run'}")
    assert code == 1
    assert (
        "feature_spec.json must be the spec that the run was trained with. Its fingerprint" in err
    )
    assert not (tmp_path / "run" / "export").exists()


def test_a_checkpoint_of_another_spec_is_refused(
    trainer: Trainer, run_program: RunProgram, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trainer.run.folder, folder)
    for path in (folder / "checkpoints").glob("*/run.json"):
        origin = json.loads(path.read_text(encoding="utf-8"))
        changed = dataclasses.replace(trainer.run.spec, behaviors_max_length=7)
        origin["spec_fingerprint"] = changed.fingerprint
        path.write_text(json.dumps(origin), encoding="utf-8")
    code, _, err = run_program(f"--run={folder}")
    assert code == 1 and err.count("\n") == 1
    assert "must be of the run whose folder it is in. Received: one of a run with another" in err
    assert f'spec_fingerprint ("{changed.fingerprint[:11]}...' in err
    assert not (folder / "export").exists()


def test_long_paths_and_brackets_are_printed_as_they_are(tmp_path: Path) -> None:
    console = _console()
    folder = tmp_path / "[bold]" / "1"
    export = Export(
        folder,
        ("serving_default", "session_state", "score_with_state"),
        "There is [no] gate.",
        ParityReport(7, 0.0, ("session_state then score_with_state",), 1.2e-7),
        warm_up_requests=12,
        removed=(3, 4),
    )
    print_export(console, export)
    printed = console.file.getvalue().splitlines()
    assert printed == [
        "SavedModel with signatures serving_default, session_state, score_with_state",
        "No gate signature: There is [no] gate.",
        "checked on 7 requests: scores within 0.0e+00, merged requests within 1.2e-07",
        "equal to serving_default bit for bit: session_state then score_with_state",
        "12 warm-up requests answered",
        "removed older versions: 3, 4",
        f"  export: {folder}",
    ]


def test_a_folder_that_is_no_run_is_one_line(run_program: RunProgram, tmp_path: Path) -> None:
    code, _, err = run_program(f"--run={tmp_path}")
    assert code == 1
    assert err.count("\n") == 1
    assert err.startswith(f"error: {tmp_path} must be the folder of a run, with a readable")
    assert "python -m pipelines.train" in err


def test_a_run_without_checkpoint_is_one_line(
    run_program: RunProgram, data: PreparedData, tmp_path: Path
) -> None:
    start_run(small_run(tmp_path / "run", data), data)
    code, _, err = run_program(f"--run={tmp_path / 'run'}")
    assert code == 1
    assert err == (
        f"error: {tmp_path / 'run' / 'checkpoints'} holds no checkpoint. Train the run first.\n"
    )
    assert not (tmp_path / "run" / "export").exists()


def test_data_that_moved_are_one_line_that_names_the_flag(
    run_program: RunProgram, data: PreparedData, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", data)
    start_run(run, data)
    path = run.folder / "settings.json"
    settings = json.loads(path.read_text(encoding="utf-8")) | {"data": str(tmp_path / "gone")}
    path.write_text(json.dumps(settings), encoding="utf-8")
    code, _, err = run_program(f"--run={run.folder}")
    assert code == 1
    assert err.count("\n") == 1
    assert f"Prepared folder {tmp_path / 'gone'} does not exist." in err
    assert err.endswith("If they are elsewhere now, name their folder with --data.\n")
    code, _, err = run_program(f"--run={run.folder}", f"--data={tmp_path / 'neither'}")
    assert code == 1
    assert err.startswith(f"error: Prepared folder {tmp_path / 'neither'} does not exist.")


def test_other_data_and_other_places_are_checked_before_anything_is_written(
    trainer: Trainer, run_program: RunProgram, tmp_path: Path
) -> None:
    other = small_data(tmp_path / "data", test=5, train=67)
    run = open_run(trainer.run.folder)
    with pytest.raises(ValueError, match=f"{other.folder} must hold data of the spec that"):
        export_run(_console(), run, str(other.folder))
    assert not (run.folder / "export").exists()
    code, _, err = run_program(f"--run={run.folder}", f"--out={run.folder / 'settings.json'}")
    assert code == 1
    assert "settings.json must be a folder for the versions of a model, and is a file." in err


def test_a_missing_vocabulary_is_named(trainer: Trainer, tmp_path: Path) -> None:
    shutil.copytree(trainer.run.folder, tmp_path / "run")
    (tmp_path / "run" / "vocabularies" / "item.txt").unlink()
    with pytest.raises(ValueError, match="must hold item.txt, the vocabulary of table `item`"):
        export_run(_console(), open_run(tmp_path / "run"))
