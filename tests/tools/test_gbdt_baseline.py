"""A whole run of the trees: what it leaves behind, and how mistakes are told."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranking.features.prepared_data import PreparedData
from ranking.training.metrics_file import read_metrics
from ranking.training.session_file import SessionFile
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_data
from tools import gbdt_baseline as program

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("gbdt") / "data", train=71, validation=11, test=13)


@pytest.fixture
def run(
    data: PreparedData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    runner = program_runner(program, monkeypatch, capfd)
    common = (f"--data={data.folder}", f"--out={tmp_path / 'run'}", "--set=trees=5")
    small = ("--set=smallest_leaf=3", "--set=trees_per_step=2")
    return lambda *flags: runner(*common, *small, *flags)


@pytest.mark.slow
def test_a_run_leaves_what_runs_of_the_catalog_leave(
    run: Run, data: PreparedData, tmp_path: Path
) -> None:
    code, out, err = run("--set=folds=3", "--seed=4")
    assert code == 0, err
    for words in ("5 trees: validation session AUC", "metrics: ", "simulated data"):
        assert words in out
    folder = tmp_path / "run"
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert (settings["model"], settings["seed"]) == ("gbdt", 4)
    assert settings["model_settings"]["folds"] == 3
    assert settings["training_settings"]["trees_per_step"] == 2
    assert settings["simulated"] is True
    assert settings["spec_fingerprint"] == data.spec.fingerprint
    metrics = read_metrics(folder / "metrics.json")
    assert metrics["test"]["all"]["sessions"] == 13
    assert [entry["trees"] for entry in metrics["history"]] == [2, 4, 5]
    assert metrics["train"]["best_trees"] in (2, 4, 5) and metrics["train"]["seconds"] > 0
    sessions = SessionFile(folder / "sessions-test.parquet")
    assert sessions.tasks == ("click",) and len(sessions) == 13
    assert sessions.document["model_settings"] == settings["model_settings"]
    assert sessions.document["trained_manifest_sha256"] == settings["manifest_sha256"]
    mean = np.nanmean(sessions.column("click.session_auc"))
    assert mean == pytest.approx(metrics["test"]["all"]["session_auc"])

    again = run("--set=folds=3", "--seed=4")
    assert_one_error(again, "run exists. Name another folder, or overwrite it (--overwrite).")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--set=leafs=8"], "There is no setting `leafs`. Did you mean `leaves`?"),
        (["--set=folds=1"], "Setting `folds` must be at least 2. Received: folds=1"),
        (["--set=learning_rate=0"], "`learning_rate` must be above 0 and at most 1. Received"),
        (["--set=negatives_per_positive=0"], "`negatives_per_positive` must be above 0 or none."),
        (["--set=task=buy"], "Setting `task` must be a label of spec `shop`. Received: task='buy'"),
        (["--data=nowhere"], "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_clear_error(
    run: Run, tmp_path: Path, flags: list[str], message: str
) -> None:
    assert_one_error(run(*flags), message, tmp_path / "run")


def test_a_label_that_nobody_gave_is_one_clear_error(run: Run, tmp_path: Path) -> None:
    data = small_data(tmp_path / "unclicked", train=5, test=3)
    manifest = json.loads((data.folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["splits"]["train"]["positives"]["click"] = 0
    (data.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    message = "must have candidates with click = 1 and with click = 0. Received: 0 of "
    assert_one_error(run(f"--data={data.folder}"), message, tmp_path / "run")
