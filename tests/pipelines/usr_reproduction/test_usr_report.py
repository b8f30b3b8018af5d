"""A whole report on USR from made-up runs."""

import json
import re

import pytest

from pipelines.reproduction.plan import Plan
from pipelines.reproduction.report_request import ReportRequest
from pipelines.usr_reproduction.usr_report import write_report
from pipelines.usr_reproduction.usr_systems import PARTS
from tests.helpers.fake_usr_runs import fake_usr_run

HISTORY = {"interest_variance": [0.3, 0.2], "feature_variance": [0.5, 0.4]}
GIVEN = ("mmoe", "usr_mmoe", "star", "usr_star", "usr_star_glmt", "usr_star_no_contrast")
POINTS = ("usr_star-embedding_size=8", "usr_star-global_label_noise=0.5")


def _reported(folder, missing=()):
    data = folder / "data"
    request = ReportRequest(folder / "report", "usr-made-up", "made-up", "make it", missing)
    plan = Plan(data=data, out=folder, parts=PARTS)
    paths = write_report(request, plan, draws=30)
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usr_report")
    for system in (*GIVEN, *POINTS):
        for seed in (1, 2):
            skill = 1.5 if system.startswith("usr") else 0.3
            fake_usr_run(folder / "runs", system, seed, skill=skill, history=HISTORY)
    for value in (0, 2):
        for system in ("star", "usr_star"):
            name = f"{system}-scenario_difference={value}"
            fake_usr_run(folder / "runs", name, 1, data_seed=1 + value)
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return _reported(folder, ["apg-seed1", "apg-seed2", "star-embedding_size=16-seed1"])


def _section(text, title):
    return next(part for part in text.split("\n## ") if part.startswith(title))


def test_every_table_and_figure_is_there(folder, report):
    titles = re.findall(r"^## (.*)$", report[".md"], re.MULTILINE)
    assert [title.split(":")[0] for title in titles] == [
        "Gains",
        "Table 1",
        "Variance within views",
        "Figure 2b",
        "Figure 2c",
        "Stress test",
        "Stress test",
        "Runs",
    ]
    names = re.findall(r"!\[.*\]\((.*)\)", report[".md"])
    kinds = ("variance", "ablation", "sizes", "similarity", "corruption")
    assert names == [f"usr-made-up-{kind}.png" for kind in kinds]
    for name in names:
        assert 1000 < (folder / "report" / name).stat().st_size < 100_000
    assert report[".html"].count("data:image/png;base64,") == len(names)


def test_table_one_has_the_paper_s_layout_and_numbers(report):
    rows = [
        line.split("|") for line in _section(report[".md"], "Table 1").splitlines() if "|" in line
    ]
    header = [cell.strip() for cell in rows[0]]
    assert header[1:5] == ["Scenario", "Method", "SharedBottom CTR", "SharedBottom CTCVR"]
    assert not any("not in the paper" in cell for cell in header)  # no run of it here
    methods = [row[2].strip() for row in rows[2:]]
    assert methods == ["Base", "Base+USR", "gain, 1e-2"] * 2
    star = header.index("STAR CTR")
    document = json.loads(report[".json"])
    spread = document["metrics"]["star"]["search"]["click"]
    assert f"{spread['mean']:.4f} ± {spread['sd']:.4f}" in rows[2][star]
    assert "paper 0.8330" in rows[2][star] and "paper 0.8358" in rows[3][star]
    assert "paper +0.28" in rows[4][star] and "✔" in rows[4][star]
    assert (
        "–" in rows[2][header.index("APG CTR")]
        and "paper 0.8337" in rows[2][header.index("APG CTR")]
    )


def test_verdicts_agree_in_all_files_and_are_counted(report):
    document = json.loads(report[".json"])
    verdicts = [gain["verdict"] for gain in document["gains"]]
    assert verdicts.count("positive") == 8 and document["verdicts"]["positive"] == 8
    assert document["ahead"] == document["ahead_significantly"] == ["mmoe", "star"]
    assert "24 gains on these scenarios and tasks, 8 could be tested: 8 positive" in report[".md"]
    assert "2 of 2 backbones with USR (MMoE, STAR); every gain positive: 2." in report[".md"]
    table = _section(report[".md"], "Gains")
    assert table.count("✔ positive") == 8 and table.count("not run") == 16
    assert report[".html"].count('class="good"') == 16


def test_what_is_simulated_or_missing_is_said(report):
    assert report[".md"].startswith("# USR on made-up (simulated data)")
    assert "**The sessions are simulated.**" in report[".md"]
    assert (
        "**Missing:** `apg` (seeds 1, 2), runs of 1 point of Figure 2c and the stress tests."
        in report[".md"]
    )


def test_curves_hold_every_point_that_was_run(report):
    document = json.loads(report[".json"])
    assert set(document["similarity"]) == {"USR"}
    assert set(document["similarity"]["USR"]) == {"0", "2"}
    assert set(document["corruption"]["USR"]) == {"0", "0.5"}
    point = document["corruption"]["USR"]["0.5"]["search, CTR"]
    assert point["low"] < point["gain"] < point["high"]
    runs = _section(report[".md"], "Runs")
    assert "star-scenario\\_difference=2" in runs or "star-scenario_difference=2" in runs


def test_ablations_are_measured_from_the_whole(report):
    table = _section(report[".md"], "Figure 2b")
    base = next(line for line in table.splitlines() if line.startswith("| STAR, Base |"))
    assert base.count("−") >= 4 and base.count("**") >= 8
    whole = next(line for line in table.splitlines() if line.startswith("| USR, STAR |"))
    assert "<sub>" not in whole


def test_no_path_of_this_machine_is_told(folder, report):
    for text in report.values():
        assert str(folder) not in text


def test_few_runs_of_one_task_make_a_report_too(tmp_path):
    fake_usr_run(tmp_path / "runs", "star", 1, tasks=("purchase",), simulated=False)
    report = _reported(tmp_path)
    titles = re.findall(r"^## (.*)$", report[".md"], re.MULTILINE)
    assert titles == ["Gains", "Table 1", "Runs"]
    assert "STAR CTCVR" in report[".md"] and "CTR |" not in report[".md"].replace("CTCVR |", "")
    assert "of the paper's 12 gains" in report[".md"] and "0 could be tested" in report[".md"]
    assert "simulated" not in report[".md"] and "nan" not in report[".md"].lower()


def test_backbones_outside_the_paper_are_marked(tmp_path):
    for system in ("aw_moe_backbone", "usr_aw_moe"):
        fake_usr_run(tmp_path / "runs", system, 1)
    report = _reported(tmp_path)
    assert "AW-MoE (not in the paper) CTR" in report[".md"]
    assert "of the paper's 24 gains" in report[".md"] and "0 could be tested" in report[".md"]


def test_a_label_that_a_scenario_never_has_is_said_and_left_out(tmp_path):
    for system in ("star", "usr_star", "star-embedding_size=8"):
        for seed in (1, 2):
            skill = 1.5 if system.startswith("usr") else 0.3
            tasks, never = ("click", "engagement"), [("search", "engagement")]
            fake_usr_run(tmp_path / "runs", system, seed, skill=skill, tasks=tasks, never=never)
    text = _reported(tmp_path)[".md"]
    assert "of the paper's 12 gains on these scenarios and tasks, 2 could be tested" in text
    assert "1 of 1 backbones with USR (STAR); every gain positive: 1." in text
    table = _section(text, "Gains")
    assert "| STAR | search, engagement | undefined |" in table
    assert "**undefined** where the candidates of a scenario all have the same label" in table
