import json
import re

import pytest

from pipelines import compare as program
from tests.helpers.run_main import program_runner
from tests.helpers.session_files import document, session_columns, write_sessions

SESSIONS = 211


@pytest.fixture
def runs(tmp_path):
    """Two seeds of DIN, and a better AW-MoE."""
    for name, gain, model, seed in (
        ("din-1", 0.0, "din", 1),
        ("din-2", 0.0, "din", 2),
        ("aw-1", 1.5, "aw_moe", 1),
    ):
        columns = session_columns(SESSIONS, gain=gain, chance=seed)
        write_sessions(tmp_path / name, columns, document(model, seed, simulated=True))
    return tmp_path


@pytest.fixture
def run_main(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "80")
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner("--draws=50", *flags)


def _rows(text, label):
    return [line for line in text.splitlines() if re.match(rf"{re.escape(label)}\s", line)]


def test_systems_gains_segments_and_how_to_read_them(run_main, runs):
    code, out, err = run_main(f"--runs={runs}/din-1 {runs}/aw-1,{runs}/din-2")
    assert code == 0, err
    assert "click on shop, test split, simulated data" in out
    assert "±" in _rows(out, "din")[0] and "±" not in _rows(out, "aw_moe")[0]
    assert "aw_moe against din, click: session AUC by segment" in out
    assert [_rows(out, name)[0].split()[-1] for name in ("session AUC", "AUC@10", "NDCG@10")] == [
        "better"
    ] * 3
    assert _rows(out, "session AUC")[0].split()[2:4] == ["208", "70"]
    for segment in ("history=0", "history=1-3", "history=4-10", "category=old"):
        assert len(_rows(out, segment)) == 1
    words = " ".join(out.split())
    assert "One seed of aw_moe: how far other seeds would differ is unknown" in words
    assert "up to 3 of 211 sessions" in words
    assert "The data are simulated: gains say nothing about real users." in words
    assert "Cannot tell: there may be no gain, or one too small for this sample." in words


@pytest.mark.parametrize(
    "flags", ["{0}/din-1 {0}/din-1", "{0}/din-1,{0}/din-2,{0}/din-1,{0}/din-2"]
)
def test_a_model_against_itself_has_no_difference(run_main, runs, flags):
    out_path = runs / "comparison.json"
    code, out, err = run_main(f"--runs={flags.format(runs)}", f"--out={out_path}")
    assert code == 0, err
    assert _rows(out, "session AUC")[0].endswith("no difference")
    found = json.loads(out_path.read_text(encoding="utf-8"))["comparisons"]
    assert len(found) == 4 + 6
    for each in found:
        comparison = each["comparison"]
        assert (comparison["gain"], comparison["low"], comparison["high"]) == (0, 0, 0)
        assert (comparison["p_value_holm"], comparison["verdict"]) == (1, "no difference")


def test_flags_choose_what_is_compared(run_main, runs):
    out_path = runs / "comparison.json"
    code, out, err = run_main(
        f"--runs={runs}/din-1",
        f"--runs={runs}/aw-1",
        f"--base={runs}/aw-1",
        "--metric=ndcg,session_auc",
        "--segments=category,history<=2",
        "--task=click",
        f"--out={out_path}",
    )
    assert code == 0, err
    assert "din against aw_moe, click: NDCG by segment" in out
    assert _rows(out, "NDCG")[0].endswith("worse")
    assert f"comparison: {out_path}" in "".join(out.splitlines())
    written = json.loads(out_path.read_text(encoding="utf-8"))
    assert (written["base"], written["simulated"], written["draws"]) == ("aw_moe", True, 50)
    assert [(each["metric"], each["segment"]) for each in written["comparisons"]] == [
        ("ndcg", "all"),
        ("ndcg", "category=new"),
        ("ndcg", "category=old"),
        ("ndcg", "history<=2"),
        ("session_auc", "all"),
    ]


def test_evaluations_on_other_data_are_found_by_their_name(run_main, runs):
    for name in ("din-1", "aw-1"):
        path = runs / name / "sessions-test.parquet"
        path.rename(path.with_name("sessions-big-validation.parquet"))
    flags = (f"--runs={runs}/din-1 {runs}/aw-1", "--segments=")
    code, out, err = run_main(*flags, "--data=data/big", "--split=validation")
    assert code == 0, err
    assert "aw_moe against din, click" in out and "by segment" not in out


@pytest.mark.parametrize(
    ("flags", "remedies"),
    [
        (
            (),
            [
                "sessions-test.parquet must be there to compare its run. Training writes it at",
                "--run={0}/dnn --split=test --data=<data>`), then add --data=<data>.",
            ],
        ),
        (
            ("--split=validation",),
            [
                "sessions-validation.parquet must be there to compare its run. Evaluate all runs",
                "--run={0}/dnn --split=validation --data=<data>`), then add --data=<data>.",
            ],
        ),
        (
            ("--split=validation", "--data=data/big"),
            [
                "sessions-big-validation.parquet must be there to compare its run. Make it with `",
                "--run={0}/dnn --split=validation --data=data/big`.",
            ],
        ),
    ],
)
def test_what_is_missing_is_told_with_what_makes_it(run_main, runs, flags, remedies):
    code, _, err = run_main(f"--runs={runs}/dnn {runs}/aw-1", *flags)
    assert code == 1 and len(err.splitlines()) == 1
    for remedy in remedies:
        assert remedy.format(runs) in err


def test_files_that_evaluations_left_elsewhere_are_compared(run_main, runs):
    for name in ("din-1", "aw-1"):
        (runs / name / "sessions-test.parquet").rename(runs / f"{name}-sessions.parquet")
    out_path = runs / "comparison.json"
    code, out, err = run_main(
        f"--runs={runs}/din-1-sessions.parquet,{runs}/aw-1-sessions.parquet",
        f"--base={runs}/aw-1-sessions.parquet",
        f"--out={out_path}",
    )
    assert code == 0, err
    assert "din against aw_moe, click" in out
    systems = json.loads(out_path.read_text(encoding="utf-8"))["systems"]
    assert systems[0]["runs"] == [f"{runs}/din-1-sessions.parquet"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--runs=,"], "`--runs` must name the folders of at least two runs. Received none."),
        (["--runs={0}/din-1 {0}/din-2"], "Received: 2 seeds of din, of one system."),
        (["--runs={0}/din-1 {0}/aw-1", "--base=dnn"], "`--base` must name one system"),
        (["--runs={0}/din-1 {0}/aw-1", "--segments=age"], "`--segments` must name a dimension of"),
        (["--runs={0}/din-1 {0}/aw-1", "--metric=auc"], "has no column `click.auc`. It has: "),
        (["--runs={0}/din-1 {0}/aw-1", "--out={0}"], "`--out` must name a file. Received: "),
    ],
)
def test_bad_input_is_one_clear_error(run_main, runs, flags, message):
    code, _, err = run_main(*(flag.format(runs) for flag in flags))
    lines = err.splitlines()
    assert code == 1 and len(lines) == 1
    assert lines[0].startswith("error: ") and message in lines[0]


def test_a_folder_with_a_blank_in_its_name_is_one_run(tmp_path):
    folder = tmp_path / "my run"
    folder.mkdir()
    assert program.typed_runs([str(folder)]) == [folder]
