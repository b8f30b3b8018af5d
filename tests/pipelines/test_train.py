"""The training program: what a run leaves behind, and how mistakes are told."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines import train as program
from ranking.features.prepared_data import PreparedData
from ranking.training.checkpoints import checkpoint_steps
from ranking.training.session_file import SessionFile, SessionFileWriter
from ranking.training.settings import PRESETS
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_data

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("train") / "data", train=41, validation=11, test=13)


@pytest.fixture
def data(original: PreparedData, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original.folder, tmp_path / "data"))


@pytest.fixture
def run(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """Trains a small model on the small data into `run`, unless flags say otherwise."""
    runner = program_runner(program, monkeypatch, capfd)
    common = ("--model=dnn", f"--data={data}", f"--out={tmp_path / 'run'}", "--noexport")
    small = ("--set=batch_size=24", "--set=hidden_size=5", "--set=hidden_sizes=7")
    return lambda *flags: runner(*common, *small, *flags)


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_run_leaves_all_that_is_needed_to_go_on(run: Run, tmp_path: Path) -> None:
    code, out, err = run("--set=epochs=1", "--set=learning_rate=0.02", "--export")
    assert code == 0, err
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {
        "settings.json",
        "feature_spec.json",
        "vocabularies",
        "checkpoints",
        "metrics.json",
        "sessions-test.parquet",
        "tensorboard",
        "export",
    }
    settings = _json(folder / "settings.json")
    assert settings["model_settings"]["hidden_sizes"] == [7]
    assert settings["training_settings"]["learning_rate"] == 0.02
    metrics = _json(folder / "metrics.json")
    sessions = SessionFile(folder / "sessions-test.parquet")
    assert len(sessions) == 13 and sessions.tasks == ("click",)
    mean = np.nanmean(sessions.column("click.session_auc"))
    assert mean == pytest.approx(metrics["test"]["all"]["session_auc"], rel=1e-12)
    named = ("model", "model_settings", "training_settings", "seed", "data", "manifest_sha256")
    assert sessions.document == {name: settings[name] for name in named} | {
        "trained_manifest_sha256": settings["manifest_sha256"],
        "finished": True,
        "max_steps": None,
        "split": "test",
        "simulated": True,
    }
    steps = metrics["train"]["steps"]
    assert metrics["test"]["all"]["sessions"] == 13
    assert metrics["train"]["best_step"] == steps == metrics["history"][0]["step"]
    assert metrics["train"]["max_steps"] is None
    assert checkpoint_steps(folder / "checkpoints") == [steps]
    assert list((folder / "tensorboard").glob("events.out.tfevents.*"))
    assert (folder / "export" / "1" / "saved_model.pb").is_file()
    words = ("weights", "epoch 1: loss", "session AUC", "metrics: ", "sessions: ", "export: ")
    assert all(word in out for word in (*words, "time: "))

    code, _, err = run()
    assert code == 1 and "already holds a finished run. Choose another --out, or add" in err
    assert _json(folder / "metrics.json") == metrics
    code, out, err = run("--overwrite", "--max_steps=1", "--preset=paper", "--devices=2")
    assert code == 0, err
    assert "2 device(s)" in out
    paper = _json(folder / "settings.json")["training_settings"]
    assert paper["learning_rate"] == PRESETS["paper"].learning_rate
    assert paper["batch_size"] == 24 and paper["negatives_per_positive"] == 1.0
    assert _json(folder / "metrics.json")["train"] == {"best_step": 1, "steps": 1, "max_steps": 1}
    assert not (folder / "export").exists()
    assert SessionFile(folder / "sessions-test.parquet").document["max_steps"] == 1


@pytest.mark.slow
def test_a_run_that_was_killed_continues(run: Run, tmp_path: Path) -> None:
    run("--max_steps=2")
    (tmp_path / "run" / "metrics.json").unlink()
    code, out, err = run("--max_steps=3")
    assert code == 0, err
    assert f"Continuing the unfinished run in {tmp_path / 'run'}." in out.replace("\n", "")
    train = _json(tmp_path / "run" / "metrics.json")["train"]
    assert train["steps"] == train["max_steps"] == 3


@pytest.mark.slow
def test_a_run_that_is_thrown_away_is_told(run: Run, tmp_path: Path) -> None:
    run("--max_steps=2")
    code, out, err = run("--max_steps=1", "--overwrite")
    assert code == 0, err
    assert "threw away" not in out  # A finished run is replaced by those who ask for it.
    (tmp_path / "run" / "metrics.json").unlink()
    code, out, err = run("--max_steps=1", "--overwrite")
    assert code == 0, err
    lost = f"threw away the unfinished run in {tmp_path / 'run'}, with its checkpoints up to step 1"
    assert lost.replace(" ", "") in "".join(out.split()) and "Continuing" not in out


@pytest.mark.slow
def test_a_run_that_diverges_says_when_and_what_to_do(run: Run, tmp_path: Path) -> None:
    code, _, err = run("--set=learning_rate=1e30", "--set=checkpoint_steps=1", "--set=dropout=0.5")
    assert code == 1
    assert "error: Training must stay within finite numbers. Received: " in err
    remedy = "set `clip_norm` (1 is a common start), and train again"
    assert "step" in err and f"Lower `learning_rate` (now 1e+30), {remedy}" in err
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not list((tmp_path / "run").glob("*sessions*"))
    assert len(checkpoint_steps(tmp_path / "run" / "checkpoints")) <= 1


@pytest.mark.slow
def test_a_run_starts_from_another_and_continues_without_it(run: Run, tmp_path: Path) -> None:
    old, new = tmp_path / "run", tmp_path / "new"
    code, _, err = run("--max_steps=2")
    assert code == 0, err
    again = (f"--out={new}", f"--warm_start={old}")
    code, out, err = run(*again, "--max_steps=1", "--export")
    assert code == 0, err
    assert f"Start from {old}, dnn after step 2" in out.replace("\n", "")
    assert _json(new / "settings.json")["warm_start"] == str(old)
    card = _json(new / "export" / "1" / "assets.extra" / "model_card.json")
    assert card["settings"]["warm_start"] == str(old)
    report = _json(new / "warm_start.json")
    rows = _json(old / "feature_spec.json")["tables"]["item"]["size"] + 2
    assert report["tables"]["item"] == {"taken": rows, "rows": rows, "old_rows": rows, "reason": ""}
    assert report["skipped"] == {} and report["step"] == 2

    shutil.rmtree(old)
    (new / "metrics.json").unlink()
    code, out, err = run(*again, "--max_steps=2")
    assert code == 0, err
    assert "Continuing the unfinished run" in out and "Start from" not in out


def test_a_run_to_start_from_that_cannot_be_is_one_clear_error(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run(f"--warm_start={tmp_path / 'data'}")
    assert_one_error(result, "data must be the folder of a run, with a readable sett", folder)
    result = run(f"--warm_start={folder}")
    assert_one_error(result, "`--warm_start` must name another run than --out. Received: ", folder)


def _full_disk(self: SessionFileWriter) -> None:
    raise OSError(28, "No space left on device", str(self.path))


@pytest.mark.slow
def test_a_run_whose_sessions_cannot_be_written_is_not_finished(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionFileWriter, "_write_waiting", _full_disk)
    result = run("--max_steps=1")
    assert_one_error(result, "sessions-test.parquet'. Free some space, or write to another disk.")
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not list((tmp_path / "run").glob("*sessions*")) + list((tmp_path / "run").glob(".*"))


def _truncate(data: Path, shard: str) -> None:
    path = data / shard
    path.write_bytes(path.read_bytes()[:-7])


def _labels_of_no_click(data: Path) -> None:
    manifest = _json(data / "manifest.json")
    manifest["splits"]["train"]["positives"]["click"] = 0
    (data / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _without_test_split(data: Path) -> None:
    manifest = _json(data / "manifest.json")
    del manifest["splits"]["test"]
    (data / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


TRAIN, TEST = "shop-train.tfrecord-00001-of-00002", "shop-test.tfrecord-00000-of-00002"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: _truncate(data, TRAIN), f"{TRAIN} is cut short: it must have "),
        (lambda data: _truncate(data, TEST), f"{TEST} is cut short: it must have "),
        (lambda data: (data / TEST).unlink(), f"{TEST} is missing; manifest.json lists it. Copy"),
        (lambda data: (data / "manifest.json").unlink(), "is not a prepared folder: it has no man"),
        (lambda data: (data / "manifest.json").write_text("{"), "manifest.json cannot be read: "),
        (lambda data: (data / "feature_spec.json").write_text("{"), "feature_spec.json"),
        (lambda data: (data / "vocabularies" / "item.txt").unlink(), "item.txt"),
        (lambda data: (data / "vocabularies" / "item.txt").write_text("a\n"), "item"),
        (_labels_of_no_click, "must have candidates with click = 1. Received: none of "),
        (_without_test_split, "has no split `test`"),
        (shutil.rmtree, "does not exist. Make one with `python -m pipelines.prepare"),
    ],
)
def test_bad_data_are_one_clear_error(
    run: Run, data: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(data)
    assert_one_error(run("--max_steps=1"), message, tmp_path / "run")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model=aw_mo"], "There is no model `aw_mo`. Did you mean `aw_moe`"),
        (["--set=expertss=8"], "There is no setting `expertss`."),
        (
            ["--set=epochs=many"],
            "The setting `epochs` must be a whole number. Received: epochs=man",
        ),
        (["--set=batch_size=0"], "Setting `batch_size` must be at least 1. Received: batch_size=0"),
        (
            ["--set=dropout=1"],
            "Setting `dropout` must be at least 0 and below 1. Received: dropout",
        ),
        (["--set=optimizer=adam"], "must be one of adamw, adagrad, sgd. Received: optimizer=adam"),
        (
            ["--set=epochs"],
            "must be written `name=value`, for example `experts=8`. Received: 'epoc",
        ),
        (["--set=task=buy"], "Setting `task` must be a label of spec `shop`. Received: task='buy'"),
        (["--set=batch_size=4000"], "must hold at least one batch of "),
        (["--devices=7"], "; 2 CPU devices exist already. Received: devices=7. Ask for no more"),
        (["--devices=2", "--set=xla=true"], "`xla` must be off on several devices"),
    ],
)
def test_a_mistake_is_one_clear_error(
    run: Run, tmp_path: Path, flags: list[str], message: str
) -> None:
    assert_one_error(run("--max_steps=1", *flags), message, tmp_path / "run")


def test_an_empty_folder_is_no_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(f"--data={tmp_path / 'empty'}")
    assert_one_error(
        result, "empty is not a prepared folder: it is empty. Make one", tmp_path / "run"
    )


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("file", "file is a file. Name another folder"),
        ("file/run", "file is a file. Name another folder"),
        ("data", "data is not overwritten: it has no settings.json, so it may be something else"),
    ],
)
@pytest.mark.parametrize("flag", ["--overwrite", "--nooverwrite"])
def test_an_out_folder_that_cannot_be_is_one_clear_error(
    run: Run, data: Path, tmp_path: Path, out: str, message: str, flag: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert_one_error(run(f"--out={tmp_path / out}", flag), message, tmp_path / "run")
    assert (data / "manifest.json").is_file() and (tmp_path / "file").is_file()


def test_an_out_folder_that_may_not_be_written_to_is_one_clear_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ranking.features.whole_folder.os.access", lambda path, mode: False)
    assert_one_error(
        run(), f"run cannot be made: {tmp_path} may not be written to", tmp_path / "run"
    )
