"""How long a model takes, measured on small sizes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranking.features.encoder import Encoder
from ranking.models.aw_moe import AwMoeSettings
from ranking.models.catalog import build
from tests.helpers.exported_model import prepared_small_data
from tests.helpers.native_client import native_client
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tools import bench_serving as program
from tools.flat_export import check_export, export_flat
from tools.latency_report import latency_markdown
from tools.serving_load import ServingLoad, per_candidate
from tools.training_measure import BenchSizes
from tools.training_sessions import BenchRecords

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
CALL = "serving_default"
CALLS = {
    ("joint", CALL),
    ("gate", "gate"),
    ("gate", "score"),
    ("gate", "gate+score"),
    ("state", "session_state"),
    ("state", "score_with_state"),
    ("state", "session_state+score_with_state"),
    ("flat", CALL),
    ("flat_gate", "gate"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_small_data(tmp_path_factory.mktemp("bench"), train=61, test=11).folder


@pytest.fixture
def run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner(f"--data={data}", f"--out={tmp_path / 'bench'}", *flags)


GRID = ("--sizes=demo", "--candidates=3", "--behaviors=13", "--threads=1")


def test_every_way_is_measured_by_both_clients(run: Run, tmp_path: Path) -> None:
    native_client()
    code, out, err = run(*GRID, "--client=both", "--sessions=2", "--passes=3")
    assert code == 0, err
    assert "no flat Keras beside it: Spec `small` must have a query and inputs that are" in out
    document = json.loads((tmp_path / "bench" / "latency.json").read_text(encoding="utf-8"))
    assert document["simulated"] is True
    assert document["machine"]["cores"] >= 1
    for client in ("native", "python"):
        rows = [row for row in document["rows"] if row["client"] == client]
        assert {(row["way"], row["calls"]) for row in rows} == CALLS
        for row in rows:
            assert row["times"] == 6
            assert (row["candidates"], row["behaviors"], row["threads"]) == (3, 13, 1)
            assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    table = (tmp_path / "bench" / "latency.md").read_text(encoding="utf-8")
    assert table == latency_markdown(document)
    assert "## Size demo, C++ client, 1 thread\n" in table
    assert "## Size demo, within Python, 1 thread\n" in table
    assert len(list((tmp_path / "bench").iterdir())) == 2


def test_flat_keras_layers_are_measured_where_they_can_read_the_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    native_client()
    sizes = BenchSizes(10, 1, 5, 7, 7, 17, (), sessions=11, repetitions=1, steps=1, seed=3)
    data = BenchRecords(sizes, tmp_path).sessions.folder
    runner = program_runner(program, monkeypatch, capfd)
    flags = (*GRID, "--sessions=2", "--passes=3", f"--data={data}", f"--out={tmp_path / 'bench'}")
    code, out, err = runner(*flags)
    assert code == 0, err
    assert "no flat Keras" not in out
    rows = json.loads((tmp_path / "bench" / "latency.json").read_text(encoding="utf-8"))["rows"]
    assert {(row["way"], row["calls"]) for row in rows} == {*CALLS, ("flat_keras", CALL)}
    assert all(row["times"] == 6 for row in rows)


def test_a_flat_model_with_other_scores_is_refused(tmp_path: Path) -> None:
    sizes = BenchSizes(10, 1, 5, 7, 7, 17, (), sessions=11, repetitions=1, steps=1, seed=3)
    data = program.resized(BenchRecords(sizes, tmp_path).sessions, 7, None)
    encoder = Encoder(data.spec, data.vocabulary_folder)
    networks = build("aw_moe", data.spec, AwMoeSettings())
    export_flat(networks, AwMoeSettings(), encoder, tmp_path / "flat")
    session = ServingLoad(data, seed=2).session(behaviors=7, candidates=3)
    rows = per_candidate(data.spec, session)
    check_export(tmp_path / "flat", networks, encoder, session, rows)
    for weight in networks.training.trainable_variables:
        weight.assign_add(np.full(weight.shape, 0.1, "float32"))
    with pytest.raises(ValueError, match="must give the scores of the session layout"):
        check_export(tmp_path / "flat", networks, encoder, session, rows)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sizes=small"], "`--sizes` must be some of demo, paper. Received: small"),
        (["--behaviors=50,0"], "`--behaviors` must be whole numbers above 0, with commas."),
        (["--candidates="], "`--candidates` must be whole numbers above 0"),
        (["--model=aw_mow", "--sizes=demo"], "There is no model `aw_mow`. Did you mean `aw_moe`"),
        (["--data=nowhere"], "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_clear_error(run: Run, flags: list[str], message: str) -> None:
    assert_one_error(run(*flags), message)


def test_ratios_are_of_the_medians() -> None:
    def row(way: str, calls: str, p50: float) -> dict:
        where = {"size": "demo", "client": "native", "threads": 2, "candidates": 7, "behaviors": 5}
        return {**where, "way": way, "calls": calls, "p50_ms": p50, "p95_ms": 20.4, "p99_ms": 30.6}

    document = {
        "simulated": True,
        "machine": {
            "processor": "P",
            "cores": 3,
            "system": "S",
            "tensorflow": "2",
            "load_before": [0.5],
        },
        "flags": {"model": "aw_moe", "passes": 11, "sessions": 2, "seconds": 3.0},
        "rows": [
            row("gate", "gate", 2.0),
            row("gate", "gate+score", 4.0),
            row("flat", "serving_default", 90.0),
            row("flat_gate", "gate", 62.0),
            row("flat_keras", "serving_default", 120.0),
        ],
    }
    text = latency_markdown(document)
    assert "Simulated sessions." in text and "P, 3 cores" in text
    assert "## Size demo, C++ client, 2 threads" in text
    assert text.splitlines()[-1] == (
        "| 7 | 5 | 2.00 / 20 / 31 | 4.00 / 20 / 31 | 90 / 20 / 31 | 62 / 20 / 31 | 120 / 20 / 31 "
        "| 30.0 | 22.5 | 31.0 |"
    )
