import json

import numpy as np
import pytest

from pipelines.compared_runs import read_runs
from pipelines.compared_segments import segment_masks
from pipelines.compared_systems import group_systems
from pipelines.comparison_report import compare_all
from ranking.metrics.comparison import compare_systems
from ranking.metrics.holm import holm_correction
from tests.helpers.session_files import document, session_columns, write_sessions

METRICS = ["session_auc", "ndcg"]
SESSIONS = 211
TASKS = ("click", "order")


def _columns(gain, chance):
    return session_columns(SESSIONS, gain=gain, chance=chance, tasks=TASKS)


FILES = {
    "a": (_columns(0.0, 1), document()),
    "b": (_columns(0.0, 2), document(seed=2)),
    "c": (_columns(1.5, 3), document("aw_moe", 1)),
    "d": (_columns(1.5, 5), document("aw_moe", 2)),
    "e": (_columns(-0.5, 7), document("dnn", simulated=True)),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    paths = [write_sessions(folder / name, *file) for name, file in FILES.items()]
    compared = read_runs(paths, METRICS, None)
    systems = group_systems(compared.runs)
    masks = segment_masks(compared.sessions, ["all", "history<=2"])
    return compare_all(compared, systems, systems[0], METRICS, masks, draws=101, seed=3)


def _values(names, column):
    return [FILES[name][0][column] for name in names]


def _row(report, system, task, metric, segment="all"):
    key = (system, task, metric, segment)
    found = [r for r in report.rows if (r.system, r.task, r.metric, r.segment) == key]
    assert len(found) == 1
    return found[0].comparison


@pytest.mark.parametrize(("system", "runs"), [("aw_moe", "cd"), ("dnn", "e")])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_of_every_other_system_is_compared(report, system, runs, task, metric):
    column = f"{task}.{metric}"
    users = FILES["a"][0]["user_id"]
    expected = compare_systems(
        _values("ab", column), _values(runs, column), users, seed=3, draws=101
    )
    found = _row(report, system, task, metric)
    assert (found.gain, found.p_value) == (expected.gain, expected.p_value)
    assert (found.users, found.sessions, found.left_out) == (70, SESSIONS - 3, 3)
    assert found.verdict == expected.verdict
    assert found.verdict == "better" or (system, metric) != ("aw_moe", "session_auc")
    assert found.p_value_holm == found.p_value


def test_segments_of_the_first_metric_are_a_family(report):
    names = [r.segment for r in report.rows if (r.system, r.task) == ("aw_moe", "order")]
    segments = ["history=0", "history=1-3", "history=4-10", "history=>10"]
    segments += ["category=new", "category=old", "history<=2"]
    assert names == ["all", *segments, "all"]
    family = [_row(report, "aw_moe", "order", "session_auc", name) for name in segments]
    p_values = [comparison.p_value for comparison in family]
    np.testing.assert_array_equal([c.p_value_holm for c in family], holm_correction(p_values))
    assert family[-1].p_value_holm != family[-1].p_value
    few = FILES["a"][0]["history"] <= 2
    values = [_values(runs, "order.session_auc") for runs in ("ab", "cd")]
    expected = compare_systems(*([v[few] for v in system] for system in values), None, draws=1)
    assert family[-1].gain == expected.gain and family[-1].sessions == expected.sessions


def test_means_are_of_each_seed(report):
    spread = report.means["aw_moe", "click", "ndcg"]
    means = [np.nanmean(values) for values in _values("cd", "click.ndcg")]
    assert spread.mean == pytest.approx(np.mean(means))
    assert (spread.low, spread.high, spread.seeds) == (min(means), max(means), 2)


def test_the_document_holds_everything(report):
    written = report.document()
    assert (written["base"], written["split"], written["simulated"]) == ("din", "test", True)
    assert [system["label"] for system in written["systems"]] == ["din", "aw_moe", "dnn"]
    assert written["systems"][1]["seeds"] == [1, 2]
    assert [run.rsplit("/", 1)[1] for run in written["systems"][0]["runs"]] == ["a", "b"]
    assert set(written["systems"][0]["metrics"]) == {f"{t}.{m}" for t in TASKS for m in METRICS}
    assert len(written["comparisons"]) == len(report.rows) == 2 * 2 * (2 + 7)
    first = written["comparisons"][0]
    assert first["comparison"]["gain"] == report.rows[0].comparison.gain
    assert (first["system"], first["segment"], first["seed_spread_known"]) == (
        "aw_moe",
        "all",
        True,
    )
    assert not written["comparisons"][-1]["seed_spread_known"]
    json.dumps(written)
