import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from ranking.metrics.comparison import compare_systems, holm

RNG = np.random.default_rng(1)
BASE = RNG.uniform(size=(3, 97))
OTHER = BASE[:2] + RNG.normal(0.03, 0.1, size=(2, 97))
USERS = np.array([f"user {index % 31}" for index in range(97)])


def test_numbers_of_two_single_runs():
    found = compare_systems(BASE[:1], OTHER[:1], None, draws=4000)
    gains = OTHER[0] - BASE[0]
    expected = stats.ttest_rel(OTHER[0], BASE[0])
    interval = expected.confidence_interval(0.95)
    assert found.gain == pytest.approx(gains.mean())
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p_value == found.p_value_holm == pytest.approx(expected.pvalue)
    assert found.p_value_sessions == pytest.approx(expected.pvalue)
    assert found.p_value_unpaired > 5 * found.p_value
    assert (found.bootstrap_low, found.bootstrap_high) == pytest.approx(
        (interval.low, interval.high), abs=0.1 * (interval.high - interval.low)
    )
    assert 0 < found.high - found.gain < found.smallest_detectable
    assert (found.sessions, found.users, found.left_out, found.seeds) == (97, 97, 0, (1, 1))
    assert math.isnan(found.base.sd) and not found.seed_spread_known


def test_gain_is_of_the_means_over_seeds():
    found = compare_systems(BASE, OTHER, USERS, draws=50)
    assert found.gain == pytest.approx(OTHER.mean() - BASE.mean())
    assert found.base.mean == pytest.approx(BASE.mean())
    assert found.base.sd == pytest.approx(BASE.mean(axis=1).std(ddof=1))
    assert found.other.low == OTHER.mean(axis=1).min()
    assert (found.users, found.seeds, found.seed_spread_known) == (31, (3, 2), True)


def test_a_session_that_any_seed_lacks_is_left_out_for_all():
    base, other = BASE.copy(), OTHER.copy()
    base[1, 5] = base[2, 7] = other[0, 7] = other[1, 11] = math.nan
    kept = [index for index in range(97) if index not in (5, 7, 11)]
    found = compare_systems(base, other, USERS, draws=50, seed=3)
    expected = compare_systems(base[:, kept], other[:, kept], USERS[kept], draws=50, seed=3)
    assert found == dataclasses.replace(expected, left_out=3)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_system_against_itself_has_no_difference(seeds):
    found = compare_systems(BASE[:seeds], BASE[:seeds], USERS, draws=50)
    assert (found.gain, found.low, found.high, found.smallest_detectable) == (0, 0, 0, 0)
    assert (found.bootstrap_low, found.bootstrap_high) == (0, 0)
    assert found.p_value == found.p_value_unpaired == found.p_value_sessions == 1
    assert found.verdict == "no difference"
    assert holm([found, found])[0].verdict == "no difference"


def test_verdicts_follow_the_corrected_p_value():
    noise = RNG.normal(0.0, 0.1, size=97)
    noise -= noise.mean()
    gain = 2.3 * noise.std(ddof=1) / math.sqrt(97)  # p is about 0.02
    better = compare_systems(BASE[:1], BASE[:1] + noise + gain, None, draws=50)
    worse = compare_systems(BASE[:1], BASE[:1] + noise - gain, None, draws=50)
    level = compare_systems(BASE[:1], BASE[:1] + noise, None, draws=50)
    assert [each.verdict for each in (better, worse, level)] == ["better", "worse", "cannot tell"]
    assert [each.verdict for each in holm([better, worse])] == ["better", "worse"]
    family = holm([better, worse, level])
    assert [each.verdict for each in family] == ["cannot tell"] * 3
    assert family[0].p_value == better.p_value
    assert family[0].p_value_holm == pytest.approx(3 * better.p_value)


def test_a_sure_difference_of_all_sessions():
    found = compare_systems([np.zeros(7)], [np.full(7, 0.5)], None, draws=50)
    assert (found.p_value, found.low, found.high, found.verdict) == (1 / 64, 0.5, 0.5, "better")
    assert {each.verdict for each in holm([found] * 4)} == {"cannot tell"}


@pytest.mark.parametrize("sessions", [0, 1, 2, 5])
@pytest.mark.filterwarnings("error")
def test_too_few_sessions_tell_nothing(sessions):
    values = np.full(7, math.nan)
    values[:sessions] = 0.5
    found = compare_systems([values], [values + 0.1], None, draws=50)
    assert (found.sessions, found.left_out, found.verdict) == (
        sessions,
        7 - sessions,
        "cannot tell",
    )
    assert math.isnan(found.p_value) and math.isnan(found.low)
    assert math.isnan(found.gain) == (sessions == 0)
    assert math.isnan(holm([found])[0].p_value_holm)


def test_too_few_sessions_are_no_part_of_the_family():
    nothing = compare_systems([np.full(3, math.nan)], [np.zeros(3)], None)
    one = compare_systems(BASE[:1], OTHER[:1], None, draws=50)
    assert holm([nothing, one])[1].p_value_holm == one.p_value


@pytest.mark.parametrize(
    ("base", "other", "users", "message"),
    [
        ([], [np.zeros(3)], None, "`base` must hold at least one seed"),
        ([np.zeros(3)], [np.zeros(3), np.zeros(2)], None, r"`other` .* shapes: \[\(3,\), \(2,\)\]"),
        ([np.zeros(3)], [np.zeros(2)], None, "the same sessions. Received: 3 and 2"),
        ([np.zeros(3)], [np.ones(3)], ["a"], r"one id per session, shape \(3,\). Received: \(1,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(base, other, users, message):
    with pytest.raises(ValueError, match=message):
        compare_systems(base, other, users)
