"""DLRM and DCN-v2 by tensorflow-recommenders, which needs a process of its own."""

import importlib.util
import json
import subprocess
import sys
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
from tools import tfrs_baseline as program

Run = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]

# Importing it here would fail: this process has the Keras of the rest of the project.
needs_recommenders = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_recommenders") is None,
    reason="tensorflow-recommenders is not installed",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("tfrs") / "data", train=41, validation=11, test=13)


def _python(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@needs_recommenders
def test_layers_are_what_their_formulas_say() -> None:
    code, _, err = _python("tests.helpers.tfrs_checks")
    assert code == 0, err


@pytest.mark.slow
@needs_recommenders
def test_a_run_leaves_what_runs_of_the_catalog_leave(data: PreparedData, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small = ("--set=batch_size=40", "--set=epochs=2", "--set=patience=0", "--set=width=3")
    where = (f"--data={data.folder}", f"--out={folder}")
    code, out, err = _python("tools.tfrs_baseline", "--model=tfrs_dlrm", *where, *small, "--seed=4")
    assert code == 0, err
    for words in ("epoch 2: loss ", "validation session AUC", "metrics: ", "simulated data"):
        assert words in out
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert (settings["model"], settings["seed"]) == ("tfrs_dlrm", 4)
    assert settings["model_settings"]["width"] == 3
    assert settings["training_settings"]["batch_size"] == 40
    assert settings["simulated"] is True
    metrics = read_metrics(folder / "metrics.json")
    assert metrics["test"]["all"]["sessions"] == 13
    history = metrics["history"]
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert history[1]["step"] == 2 * history[0]["step"] == metrics["train"]["steps"]
    best = max(history, key=lambda entry: entry["validation_session_auc"])
    assert metrics["train"]["best_step"] == best["step"]
    sessions = SessionFile(folder / "sessions-test.parquet")
    assert sessions.tasks == ("click",) and len(sessions) == 13
    assert sessions.document["model_settings"] == settings["model_settings"]
    mean = np.nanmean(sessions.column("click.session_auc"))
    assert mean == pytest.approx(metrics["test"]["all"]["session_auc"])


@pytest.fixture
def run(
    data: PreparedData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """The program in this process, as far as it comes without tensorflow-recommenders."""
    monkeypatch.setitem(sys.modules, "tensorflow_recommenders", None)
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner(f"--data={data.folder}", f"--out={tmp_path / 'run'}", *flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model=tfrs_dnc"], "There is no model `tfrs_dnc`. Did you mean `tfrs_dcn`"),
        (["--model=tfrs_dcn", "--set=width=8"], "There is no setting `width`."),
        (["--model=tfrs_dcn", "--set=dropout=1"], "`dropout` must be at least 0 and below 1."),
        (["--model=tfrs_dcn", "--set=projection=-1"], "Setting `projection` must be at least 0."),
        (["--model=tfrs_dlrm", "--set=epochs=0"], "Setting `epochs` must be at least 1."),
        (["--model=tfrs_dlrm", "--set=task=buy"], "Setting `task` must be a label of spec `shop`."),
        (["--model=tfrs_dlrm", "--data=nowhere"], "nowhere does not exist"),
        (["--model=tfrs_dlrm"], "This program needs tensorflow-recommenders and tf-keras: "),
    ],
)
def test_a_mistake_is_one_clear_error(
    run: Run, tmp_path: Path, flags: list[str], message: str
) -> None:
    assert_one_error(run(*flags), message, tmp_path / "run")
