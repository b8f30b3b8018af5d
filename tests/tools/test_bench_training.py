"""What training costs, measured on small sizes."""

import json

import pytest

from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tools import bench_training as program

SMALL = (
    "--impressions=20",
    "--candidates=4",
    "--behaviors=6",
    "--long_behaviors=12",
    "--table_rows=30",
    "--large_tables=500",
    "--sessions=25",
    "--repetitions=1",
    "--steps=2",
)
NAMES = {
    "step": [
        "session layout, ranking loss alone",
        "session layout, all losses",
        "flat Keras : session layout, ranking loss alone",
        "flat Keras : session layout, all losses",
        "share of sgemm on those",
    ],
    "history": ["6 behaviors", "12 behaviors", "12 behaviors : 6 behaviors"],
    "tables": ["500 rows : 30 rows", "500 rows, peak memory beyond those"],
    "pipeline": ["sessions : flat rows", "records of sessions", "sessions, shuffled too : step"],
    "preparation": ["by a core"],
    "evaluation": ["records to metrics"],
    "run": ["time of an epoch : bare steps"],
}


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner(f"--out={tmp_path / 'bench'}", *flags)


@pytest.mark.slow
@pytest.mark.parametrize("parts", ["step,history,tables", "pipeline,preparation,evaluation,run"])
def test_every_part_is_measured_and_reported(run, tmp_path, parts):
    code, printed, err = run(*SMALL, f"--only={parts}")
    assert code == 0, err
    folder = tmp_path / "bench"
    assert {path.name for path in folder.iterdir()} == {"bench_training.json", "bench_training.md"}
    document = json.loads((folder / "bench_training.json").read_text(encoding="utf-8"))
    assert document["simulated"] is True and document["machine"]["cores"] >= 1
    assert document["flags"]["behaviors"] == 6
    assert list(document["parts"]) == parts.split(",")
    page = (folder / "bench_training.md").read_text(encoding="utf-8")
    for part, measures in document["parts"].items():
        by_name = {each["name"]: each for each in measures}
        assert set(NAMES[part]) <= set(by_name)
        for name, each in by_name.items():
            assert each["low"] <= each["median"] <= each["high"]
            assert each["median"] > 0 or "memory" in name or "difference" in name
            assert f"| {name} |" in page and name in printed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--only=stp",), "`--only` must be some of step, history"),
        (("--peer=tourch",), "`--peer` must be some of torch"),
        (("--peer_python=torch",), "`--peer_python` must be name=path. Received: torch"),
        (("--large_tables=20000,x",), "`--large_tables` must be whole numbers above --table_rows"),
        (("--sessions=10",), "`--sessions` must fill a step"),
    ],
)
def test_flags_that_make_no_sense_are_one_error(run, flags, message):
    assert_one_error(run(*flags), message)
