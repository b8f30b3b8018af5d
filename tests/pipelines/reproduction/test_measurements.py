"""Means, gains, and gains that are larger in one test set than in another."""

import numpy as np
import pytest

from pipelines.reproduction.evaluated_sets import test_sets
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.measurements import Measurements
from pipelines.reproduction.systems import SYSTEMS
from tests.helpers.fake_runs import fake_run

AUC = "session_auc"


@pytest.fixture(scope="module")
def measurements(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measurements")
    for seed in (1, 2, 3):
        fake_run(folder, "aw_moe", seed, skill=0.4)
        fake_run(folder, "aw_moe_cl", seed, skill=0.9)
    systems = read_evaluated(folder, "made-up", SYSTEMS)
    return Measurements(systems, test_sets(systems.sessions, 5), draws=400)


def _values(measurements, system, test_set):
    runs = measurements.systems.runs[system].values()
    chosen = measurements.test_sets[test_set].sessions
    return [run.metrics[AUC][chosen] for run in runs]


def test_a_mean_is_over_sessions_then_seeds(measurements):
    spread = measurements.spread("aw_moe", AUC, "long_tail_1")
    means = [np.nanmean(values) for values in _values(measurements, "aw_moe", "long_tail_1")]
    assert spread.mean == pytest.approx(np.mean(means))
    assert spread.sd == pytest.approx(np.std(means, ddof=1))
    assert measurements.spread("din", AUC, "full") is None
    assert measurements.spread("aw_moe", AUC, "nowhere") is None


def test_a_gain_is_the_difference_of_the_means(measurements):
    comparison = measurements.compare("aw_moe", "aw_moe_cl", AUC, "full")
    means = [
        np.nanmean(_values(measurements, system, "full")) for system in ("aw_moe", "aw_moe_cl")
    ]
    assert comparison.gain == pytest.approx(means[1] - means[0])
    assert comparison.low < comparison.gain < comparison.high
    assert measurements.compare("aw_moe", "aw_moe_cl", AUC, "full") is comparison
    assert measurements.compare("din", "aw_moe", AUC, "full") is None


def test_a_gain_of_gains_is_their_difference_and_its_interval_that_of_redrawn_users(measurements):
    comparison = measurements.compare_gains("aw_moe", "aw_moe_cl", AUC, "long_tail_1")
    there, everywhere = (
        measurements.compare("aw_moe", "aw_moe_cl", AUC, test_set).gain
        for test_set in ("long_tail_1", "full")
    )
    assert comparison.gain == pytest.approx(there - everywhere)

    users = measurements.systems.sessions.users
    before, after = (
        np.mean(_values(measurements, system, "full"), axis=0) for system in ("aw_moe", "aw_moe_cl")
    )
    gains, short = after - before, measurements.test_sets["long_tail_1"].sessions
    known = ~np.isnan(gains)
    rows = {user: np.flatnonzero((users == user) & known) for user in np.unique(users[known])}
    chance = np.random.default_rng(1)
    draws = []
    for _ in range(600):
        drawn = np.concatenate([rows[user] for user in chance.choice(list(rows), size=len(rows))])
        draws.append(gains[drawn][short[drawn]].mean() - gains[drawn].mean())
    low, high = np.quantile(draws, [0.025, 0.975])
    assert comparison.bootstrap_low == pytest.approx(low, abs=0.006)
    assert comparison.bootstrap_high == pytest.approx(high, abs=0.006)
    assert high - low > 0.02


def test_everything_that_was_asked_is_in_the_document(measurements):
    measurements.spread("aw_moe", AUC, "full")
    measurements.compare("aw_moe", "aw_moe_cl", AUC, "full")
    measurements.compare_gains("aw_moe", "aw_moe_cl", AUC, "long_tail_1")
    document = measurements.document()
    assert document["metrics"]["full"]["aw_moe"][AUC]["seeds"] == 3
    kinds = {(each["test_set"], each["kind"]) for each in document["comparisons"]}
    assert {("full", "metric"), ("long_tail_1", "gains")} <= kinds
    assert all("gain" in each and "verdict" not in each for each in document["comparisons"])
