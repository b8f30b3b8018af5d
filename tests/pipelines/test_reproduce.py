"""The reproduction program: what it trains, what it does not train again, how mistakes are told."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from pipelines import reproduce as program
from pipelines.reproduction.aw_moe_paper import AW_MOE
from pipelines.reproduction.systems import SYSTEMS
from tests.helpers.fake_runs import fake_run
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_data


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Reproduces into `out`, from data in `data`."""
    runner = program_runner(program, monkeypatch, capfd)
    common = (f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}")
    return lambda *flags: runner(*common, *flags)


def _choose(monkeypatch, *systems):
    paper = dataclasses.replace(AW_MOE, systems={system.name: system for system in systems})
    monkeypatch.setattr(program, "PAPERS", {"aw_moe": paper})


@pytest.mark.slow
def test_what_is_trained_is_reported_and_not_trained_again(run, tmp_path, monkeypatch):
    small_data(tmp_path / "data", train=41, validation=11, test=29)
    _choose(monkeypatch, SYSTEMS["dnn"], SYSTEMS["din"])
    small = ("--set=batch_size=24", "--set=hidden_size=5", "--set=epochs=1")
    flags = ("--seeds=1", "--max_steps=2", "--jobs=2", "--parts=comparison", *small)
    code, out, err = run(*flags)
    assert code == 0, err
    assert "2 runs, 0 of them finished, 2 to train." in out
    assert "dnn-seed1: done after" in out and "din-seed1: done after" in out
    folder = tmp_path / "out"
    metrics = folder / "runs/dnn-seed1/metrics.json"
    assert json.loads(metrics.read_text())["train"]["steps"] == 2
    assert "--set=hidden_size=5" in (folder / "logs/dnn-seed1.log").read_text()
    report = (folder / "report/aw_moe-data.md").read_text(encoding="utf-8")
    assert "Models were trained on 41 sessions." in report
    assert "29 simulated sessions of the test split" in report and "| DIN |" in report
    assert "ARGS='--parts=comparison --seeds=1 --max_steps=2 --set batch_size=24" in report

    trained = metrics.stat().st_mtime_ns
    code, out, err = run(*flags)
    assert code == 0 and "2 runs, 2 of them finished, 0 to train." in out, err
    assert metrics.stat().st_mtime_ns == trained

    code, out, err = run(*flags, "--set=dnn:learning_rate=0.5")
    assert code == 1
    assert f"error: {folder / 'runs/dnn-seed1'} holds a run with other settings: " in err
    assert "learning_rate is 0.002, asked is 0.5" in err
    code, out, err = run("--seeds=1", *small)
    assert code == 1 and "max_steps is 2, asked is none" in err


@pytest.fixture
def faked(tmp_path):
    for system in ("dnn", "din"):
        for seed in (1, 2):
            fake_run(tmp_path / "out/runs", system, seed, data="data/data")
    return tmp_path


def test_a_report_needs_neither_training_nor_data(run, faked):
    code, out, err = run("--report_only", f"--report={faked / 'elsewhere'}", "--long_tail=4")
    assert code == 0, err
    assert f"report: {faked / 'elsewhere/aw_moe-data.html'}" in out
    text = (faked / "elsewhere/aw_moe-data.md").read_text(encoding="utf-8")
    assert "## Table III: long-tail users 1 (at most 4 behaviors)" in text
    assert "`din` (seed 3)" in text and "`gbdt` (seeds 1, 2, 3)" in text
    assert "runs of 12 points of Figure 8." in text
    assert "    make reproduce PAPER=aw_moe DATA=data/data \\\n        ARGS='--long_tail=4'" in text
    assert str(faked) not in text


@pytest.mark.parametrize(
    ("system", "seed", "changed", "message"),
    [
        ("aw_moe_base", 1, {"epochs": "10"}, "epochs is 10, asked is 6"),
        ("din", 7, {"dropout": "0.5"}, "dropout is 0.5, asked is 0.0"),
    ],
)
@pytest.mark.parametrize("only", ["--report_only", "--noreport_only"])
def test_a_run_that_no_one_asked_for_must_be_as_the_others_are(
    run, faked, monkeypatch, system, seed, changed, message, only
):
    monkeypatch.setattr(program, "_check_data", lambda folder: None)
    fake_run(faked / "out/runs", system, seed, changed=changed, data="data/data")
    code, _, err = run(only, "--parts=comparison", "--seeds=2")
    assert code == 1
    assert f"runs/{system}-seed{seed} holds a run with other settings: {message}" in err
    assert not (faked / "out/report").exists() and not (faked / "out/logs").exists()


def test_runs_of_other_data_are_not_reported_as_those_that_are_named(run, faked):
    code, _, err = run("--report_only", f"--data={faked / 'beauty'}")
    assert code == 1
    message = "din-seed1 holds a run with other settings: "
    assert f"{message}data is data, asked is beauty; data of the test sessions" in err
    (faked / "data").mkdir()
    (faked / "data/manifest.json").write_text("{}", encoding="utf-8")
    fake_run(faked / "out/runs", "din", 3, data="data/data", manifest="01" * 32)
    code, _, err = run("--report_only")
    assert code == 1
    message = "din-seed3 holds a run with other settings: "
    assert f"{message}data (manifest.json) is 010101010101, asked is" in err
    assert not (faked / "out/report").exists()


def test_more_seeds_and_other_parts_are_reported_where_they_are_as_asked(run, faked):
    fake_run(faked / "out/runs", "din", 7, data="data/data")
    fake_run(faked / "out/runs", "aw_moe_base", 1, changed={"epochs": "10"}, data="data/data")
    flags = ("--parts=comparison", "--seeds=2", "--set=aw_moe:epochs=10")
    code, _, err = run("--report_only", *flags)
    assert code == 0, err
    text = (faked / "out/report/aw_moe-data.md").read_text(encoding="utf-8")
    assert "`din`</sub> | – | 1, 2, 7 |" in text and "`aw_moe_base`</sub>" in text


def test_reports_on_the_same_data_can_have_names(run, faked):
    code, out, err = run("--report_only", "--report_name=aw_moe-data-longer")
    assert code == 0, err
    paths = sorted((faked / "out/report").iterdir())
    assert {path.stem for path in paths} == {"aw_moe-data-longer"}
    text = next(path for path in paths if path.suffix == ".md").read_text(encoding="utf-8")
    assert text.startswith("# AW-MoE on data") and f"report: {paths[0]}" in out
    assert "ARGS='--report_name=aw_moe-data-longer'" in text


def test_a_failed_run_is_told_and_the_report_is_written_all_the_same(run, faked, monkeypatch):
    broken = dataclasses.replace(SYSTEMS["gbdt"], program="no_such_program")
    _choose(monkeypatch, SYSTEMS["dnn"], broken)
    monkeypatch.setattr(program, "_check_data", lambda folder: None)
    code, out, err = run("--seeds=2", "--parts=comparison,yardsticks")
    logs = faked / "out/logs"
    assert code == 1
    assert "4 runs, 2 of them finished, 2 to train." in out
    assert re.search(r"gbdt-seed1: failed after \d+ s, see ", out)
    assert f"{logs / 'gbdt-seed1.log'}. It ends with:" in out
    assert "No module named no_such_program" in out
    assert f"error: 2 of 4 runs failed: gbdt-seed1, gbdt-seed2. Their logs are in {logs}." in err
    report = (faked / "out/report/aw_moe-data.md").read_text(encoding="utf-8")
    assert "**Missing:** `gbdt` (seeds 1, 2)." in report and "| DIN |" in report


def test_where_all_runs_fail_that_is_the_error(run, tmp_path, monkeypatch):
    _choose(monkeypatch, dataclasses.replace(SYSTEMS["gbdt"], program="no_such_program"))
    monkeypatch.setattr(program, "_check_data", lambda folder: None)
    code, _, err = run("--seeds=1")
    assert code == 1 and "error: 1 of 1 runs failed: gbdt-seed1." in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--parts=comparsion"], "`--parts` must list some of comparison, ablation, sweeps"),
        ([], "data"),
        (["--parts=table1"], "Received: table1."),
        (["--paper=usr", "--long_tail=3"], "`--long_tail` must be left out with --paper=usr"),
        (["--report_name=some/where"], "`--report_name` must be a file's name without"),
        (["--report_name="], "`--report_name` must be a file's name without"),
        (["--set=epoch=3"], "There is no setting `epoch`. Did you mean `epochs`"),
        (["--report_only", "--long_tail=0", "--second_long_tail=age=50"], "must be a segment of"),
    ],
)
def test_mistakes_are_one_clear_error(run, faked, flags, message):
    code, _, err = run(*flags)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1 and len(lines) == 1 and message in lines[0]
    assert not (faked / "out/report").exists() and not (faked / "out/logs").exists()


def test_a_report_on_nothing_is_one_clear_error(run, tmp_path):
    code, _, err = run("--report_only")
    assert code == 1 and "runs must hold evaluated runs, named <system>-seed<k>" in err
    assert not Path(tmp_path / "out").exists()
