"""AUC of runs by scenario and task."""

import numpy as np
import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.systems import SYSTEMS as OTHER_SYSTEMS
from pipelines.usr_reproduction.auc_cells import AucCell
from pipelines.usr_reproduction.auc_measurements import AucMeasurements
from pipelines.usr_reproduction.usr_systems import SYSTEMS
from ranking.metrics.pooled_auc import pooled_auc
from ranking.training.session_file import SessionFile
from tests.helpers.fake_runs import fake_run
from tests.helpers.fake_usr_runs import fake_usr_run


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aucs")
    for system, skill in (("star", 0.2), ("usr_star", 1.2)):
        for seed in (1, 2, 3):
            fake_usr_run(folder, system, seed, skill=skill)
    return AucMeasurements(read_evaluated(folder, "made-up", SYSTEMS), draws=200)


def test_cells_are_in_the_order_of_the_paper(measurements):
    assert [cell.title for cell in measurements.cells] == [
        "search, CTR",
        "search, CTCVR",
        "recommendation, CTR",
        "recommendation, CTCVR",
    ]


def test_auc_is_over_all_candidates_of_the_scenario(measurements):
    cell = AucCell("search", "order")
    values = []
    for run in measurements.systems.runs["star"].values():
        file = SessionFile(run.sessions_path)
        scores, lengths = file.lists("order.scores")
        labels, _ = file.lists("order.labels")
        chosen = np.repeat(file.column("segment.scenario") == "search", lengths)
        values.append(pooled_auc(scores[chosen], labels[chosen]))
    spread = measurements.spread("star", cell)
    assert spread.mean == pytest.approx(np.mean(values)) and spread.seeds == 3
    assert spread.sd == pytest.approx(np.std(values, ddof=1))


def test_gains_are_paired_and_kept(measurements):
    cell = measurements.cells[0]
    found = measurements.compare("star", "usr_star", cell)
    before, after = measurements.spread("star", cell), measurements.spread("usr_star", cell)
    assert found.gain == pytest.approx(after.mean - before.mean) and found.low > 0
    assert measurements.compare("star", "usr_star", cell) is found
    sessions = measurements.systems.sessions
    chosen = sessions.segments["scenario"] == "search"
    assert found.sessions == chosen.sum() and found.users == len(set(sessions.users[chosen]))


def test_what_was_not_run_is_none(measurements):
    cell = measurements.cells[0]
    assert measurements.spread("mmoe", cell) is None
    assert measurements.compare("star", "usr_mmoe", cell) is None


def test_the_document_holds_what_was_asked(measurements):
    measurements.compare("star", "usr_star", AucCell("search", "click"))
    document = measurements.document()
    assert document["metrics"]["star"]["search"]["click"]["seeds"] == 3
    (entry,) = [each for each in document["comparisons"] if each["task"] == "click"][:1]
    assert entry["scenario"] == "search" and entry["low"] < entry["gain"] < entry["high"]


def test_sessions_without_scenarios_are_one_clear_error(tmp_path):
    fake_run(tmp_path, "din", 1)
    systems = read_evaluated(tmp_path, "made-up", OTHER_SYSTEMS)
    with pytest.raises(ValueError, match="must have a scenario .* history, age_group"):
        AucMeasurements(systems)
