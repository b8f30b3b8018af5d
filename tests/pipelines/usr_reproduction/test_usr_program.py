"""The reproduction of USR as a program, on a handful of simulated sessions."""

import dataclasses
import json
import re
import shutil

import pytest

from pipelines import reproduce as program
from pipelines.usr_reproduction.usr_paper import USR
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from ranking.features.preparation import prepare
from ranking.features.spec_reader import read_spec
from ranking.sources.catalog import open_source
from tests.helpers.fake_usr_runs import fake_usr_run
from tests.helpers.run_main import program_runner

SIZES = {"train_sessions": "90", "validation_sessions": "20", "test_sessions": "40", "users": "100"}


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Reproduces into `out`, from data in `data`."""
    runner = program_runner(program, monkeypatch, capfd)
    common = ("--paper=usr", f"--data={tmp_path / 'data'}", f"--out={tmp_path / 'out'}")
    return lambda *flags: runner(*common, *flags)


@pytest.mark.slow
def test_what_is_trained_is_reported_with_views_and_sizes(run, tmp_path, monkeypatch):
    spec = read_spec("feature_specs/demo.yaml")
    source = open_source("simulator", spec, "", SIZES, 0)
    prepare(spec, source, tmp_path / "data", source_name="simulator", shards=1)
    systems = {name: SYSTEMS[name] for name in ("star", "usr_star")}
    monkeypatch.setattr(program, "PAPERS", {"usr": dataclasses.replace(USR, systems=systems)})
    small = ("batch_size=200", "embedding_size=4", "epochs=1", "backbone_hidden_sizes=8")
    code, out, err = run(
        "--parts=table1", "--seeds=1", "--jobs=2", *(f"--set={each}" for each in small)
    )
    assert code == 0, err
    folder = tmp_path / "out/report"
    report = (folder / "usr-data.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.*)$", report, re.MULTILINE)
    assert titles == [
        "Gains",
        "Table 1",
        "Size and operations",
        "Figure 2a: the views",
        "Variance within views",
        "Runs",
    ]
    document = json.loads((folder / "usr-data.json").read_text(encoding="utf-8"))
    base, usr = (document["costs"][name] for name in ("star", "usr_star"))
    assert usr["operations"] > base["operations"] > 0
    assert usr["table_parameters"] == base["table_parameters"]
    interests = document["views"]["with contrast"]["interests"]
    assert interests["variance"] > 0 and interests["ratio"] > 0
    facts = document["facts"]
    assert facts["options"]["scenario_difference"] == 0.5 and "click" in facts["differing"]
    assert "**Global labels** differ from the label of the row in `click` " in report


def test_a_report_needs_neither_training_nor_data(run, tmp_path):
    for system in ("star", "usr_star"):
        fake_usr_run(tmp_path / "out/runs", system, 1, data="data/data")
    code, out, err = run("--report_only", "--parts=table1", "--seeds=2")
    assert code == 0, err
    text = (tmp_path / "out/report/usr-data.md").read_text(encoding="utf-8")
    assert "`usr_star` (seed 2)" in text and "`apg` (seeds 1, 2)" in text
    assert "    make reproduce PAPER=usr DATA=data/data \\\n        ARGS='--parts=table1" in text
    assert str(tmp_path) not in text


def test_runs_on_data_of_their_own_are_compared_with_those(run, tmp_path):
    runs, name = tmp_path / "out/runs", "star-scenario_difference=2"
    fake_usr_run(runs, "star", 1, data="data/data")
    own = fake_usr_run(runs, name, 1, data_seed=1, data="out/data/scenario_difference=2")
    code, _, err = run("--report_only")
    assert code == 0, err
    shutil.rmtree(own)
    fake_usr_run(runs, name, 1, data_seed=1, data="out/data/scenario_difference=3")
    code, _, err = run("--report_only")
    assert code == 1
    assert "data is scenario_difference=3, asked is scenario_difference=2" in err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--parts=sweeps"], "must list some of table1, ablation, sizes, similarity"),
        (["--set=usr_star:backbone=ple"], "`backbone` makes the system `usr_star` what it is"),
        (["--second_long_tail=a=b"], "`--second_long_tail` must be left out with --paper=usr"),
    ],
)
def test_mistakes_are_one_clear_error(run, flags, message):
    code, _, err = run("--report_only", *flags)
    assert code == 1 and message in err
