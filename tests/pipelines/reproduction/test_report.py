"""A whole report from made-up runs."""

import json
import re

import pytest

from pipelines.reproduction.data_origin import DataOrigin
from pipelines.reproduction.evaluated_sets import test_sets
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.report import write_report
from pipelines.reproduction.report_request import ReportRequest
from pipelines.reproduction.run_record import RunRecord, write_record
from pipelines.reproduction.systems import SYSTEMS
from tests.helpers.fake_runs import fake_run

ABLATION = ("aw_moe_base", "aw_moe_gu", "aw_moe_au")
POINTS = ("aw_moe_cl-negatives=1", "aw_moe_cl-negatives=8")


def _reported(folder, missing=(), simulated=True):
    systems = read_evaluated(folder / "runs", "made-up", SYSTEMS)
    origin = DataOrigin(1234, 20, {"source": "made_up", "held_out": "items"})
    request = ReportRequest(
        folder / "report", "aw_moe-made-up", "made-up", "make it", missing, origin
    )
    paths = write_report(request, Measurements(systems, test_sets(systems.sessions), draws=50))
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for system in ("dnn", "din", "category_moe", "aw_moe", "aw_moe_cl", *ABLATION):
        for seed in (1, 2):
            fake_run(folder / "runs", system, seed)
    for system in (*POINTS, "gbdt"):
        fake_run(folder / "runs", system, 1)
    write_record(folder / "logs" / "din-seed1.log", RunRecord(200.0, None))
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return _reported(folder, ["tfrs_dcn-seed1", "tfrs_dcn-seed2", "dnn-seed3"])


def _section(text, title):
    return next(part for part in text.split("\n## ") if part.startswith(title))


def test_every_table_and_figure_is_there(report):
    titles = re.findall(r"^## (.*)$", report[".md"], re.MULTILINE)
    assert [title.split(":")[0] for title in titles] == [
        "Claims",
        "Table II",
        "Table III",
        "Table IV",
        "Table V",
        "Table VI",
        "Against the yardsticks",
        "Figure 7",
        "Figure 8",
        "Use of experts",
        "Runs",
    ]
    for title in titles:
        assert f">{title.replace('&', '&amp;')}</h2>" in report[".html"]


def test_the_numbers_are_those_of_the_runs_beside_the_paper_s(report):
    document = json.loads(report[".json"])
    for system, paper in (("DIN", "0.8361"), ("AW-MoE & CL", "0.8472")):
        name = {"DIN": "din", "AW-MoE & CL": "aw_moe_cl"}[system]
        spread = document["metrics"]["full"][name]["session_auc"]
        row = f"{spread['mean']:.4f} ± {spread['sd']:.4f}"
        line = next(
            line
            for line in _section(report[".md"], "Table II").splitlines()
            if line.startswith(f"| {system} |")
        )
        assert row in line.split("|")[2] and f"paper {paper}" in line.split("|")[2]
    assert "paper 0.8068" in _section(report[".md"], "Table III")
    assert "paper 0.7185" in _section(report[".md"], "Table IV")
    table = _section(report[".md"], "Table V")
    assert "paper 0.7381" in table and "paper +0.0109, p &lt;1e-20" in table
    assert "<sub>over DNN</sub>" in table and "<sub>over Category-MoE</sub>" in table
    assert "Base+GU+AU (AW-MoE)" in _section(report[".md"], "Table VI")
    assert "Gradient-boosted trees" in _section(report[".md"], "Table II")
    assert "| Oracle | 0.9000 |" in _section(report[".md"], "Table II")


def test_verdicts_agree_in_all_three_files(report):
    document = json.loads(report[".json"])
    verdicts = [claim["verdict"] for claim in document["claims"]]
    table = _section(report[".md"], "Claims")
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(verdicts) == 13
    for row, verdict in zip(rows, verdicts, strict=True):
        assert (verdict or "not run") in row.split("|")[2]
    assert report[".html"].count('class="unknown"') >= verdicts.count("cannot tell")
    assert "one seed: the gain may be chance in training" in rows[11]  # negatives
    assert sum(verdict == "" for verdict in verdicts) == 2  # two settings were not swept


def test_simulated_data_are_called_so_everywhere(report):
    assert report[".md"].startswith("# AW-MoE on made-up (simulated data)")
    assert "**The sessions are simulated.**" in report[".md"]
    assert "<title>AW-MoE on made-up (simulated data)</title>" in report[".html"]
    assert json.loads(report[".json"])["simulated"] is True


def test_pictures_are_small_and_where_the_text_looks_for_them(folder, report):
    names = re.findall(r"!\[.*\]\((.*)\)", report[".md"])
    assert names == [f"aw_moe-made-up-{name}.png" for name in ("gates", "sweeps", "experts")]
    for name in names:
        assert 1000 < (folder / "report" / name).stat().st_size < 100_000
    assert report[".html"].count("data:image/png;base64,") == 3


def test_runs_tell_settings_seeds_time_and_command(report):
    runs = _section(report[".md"], "Runs")
    assert "`gate_activation_unit=false`, `contrastive_weight=0.0`" in runs
    assert "`negatives=8`" in runs and "learning_rate=0.002" in runs and "keras 9.9" in runs
    assert "| DIN<br><sub>`din`</sub> | – | 1, 2 | 7 | 3.3 min, – |" in runs
    assert "\n    make it\n" in runs


def test_it_tells_how_the_data_were_prepared(report):
    assert "Models were trained on 1,234 sessions." in report[".md"]
    runs = _section(report[".md"], "Runs")
    assert "Data, of each history the newest 20 behaviors:" in runs
    assert "\n    source=made_up  held_out=items\n" in runs
    expected = {"source": "made_up", "held_out": "items"}
    origin = {"train_sessions": 1234, "behaviors": 20, "source": expected}
    assert json.loads(report[".json"])["origin"] == origin


def test_what_is_missing_is_said(report):
    assert "**Missing:** `tfrs_dcn` (seeds 1, 2), `dnn` (seed 3)." in report[".md"]


def test_no_path_of_this_machine_is_told(folder, report):
    for text in report.values():
        assert str(folder) not in text


def test_few_runs_make_a_report_too(tmp_path):
    fake_run(tmp_path / "runs", "dnn", 1, simulated=False)
    report = _reported(tmp_path)
    titles = re.findall(r"^## (.*)$", report[".md"], re.MULTILINE)
    assert [title.split(":")[0] for title in titles] == [
        "Claims",
        "Table II",
        "Table III",
        "Table IV",
        "Table V",
        "Runs",
    ]
    assert "of 0 that could be tested" in report[".md"] and "simulated" not in report[".md"]
    assert "missing: din" in report[".md"] and "nan" not in report[".md"].lower()
