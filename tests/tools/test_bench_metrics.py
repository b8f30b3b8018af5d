import json

import pytest

from tests.helpers.run_main import program_runner
from tools import bench_metrics as program


@pytest.fixture
def run(monkeypatch, capfd):
    return program_runner(program, monkeypatch, capfd)


@pytest.mark.parametrize("kind", ["--probabilities", "--noprobabilities"])
def test_it_measures_what_it_was_asked_for(run, tmp_path, kind):
    out = tmp_path / "numbers" / "bench.json"
    code, printed, err = run("--impressions=70000", "--chunk=9000", f"--out={out}", kind)
    assert code == 0, err
    for words in ("simulated sessions", "impressions per second", "growth of the peak memory"):
        assert words in " ".join(printed.split())
    document = json.loads(out.read_text(encoding="utf-8"))
    result = document["result"]
    assert document["simulated"] is True and document["flags"]["chunk"] == 9000
    assert 70000 <= result["impressions"] < 72000
    assert result["sessions"] == pytest.approx(7000, rel=0.02)
    assert result["groups"] == 1 + 4 + 2 + 2 + 5 + 31
    assert 0.7 < result["session_auc"] < 0.8
    assert 0 < result["auc_error_bound"] < 2e-3
    assert result["impressions_per_second"] > 0 and result["peak_memory_growth_mib"] >= 0
