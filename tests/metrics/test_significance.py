import math

import numpy as np
import pytest
from scipy import stats

from ranking.metrics.significance import (
    complete_pairs,
    paired_t_test,
    smallest_detectable,
    t_interval,
    t_p_value,
    unpaired_z_test,
)

RNG = np.random.default_rng(1)
BASE = RNG.uniform(size=41)
OTHER = BASE + RNG.normal(0.03, 0.1, size=41)


def _with_gaps(values, *places):
    gaps = values.copy()
    gaps[list(places)] = math.nan
    return gaps


def test_paired_test_is_scipys():
    expected = stats.ttest_rel(OTHER, BASE).pvalue
    assert 0.001 < expected < 0.5
    assert paired_t_test(BASE, OTHER) == pytest.approx(expected, rel=1e-12)
    assert paired_t_test(OTHER, BASE) == pytest.approx(expected, rel=1e-12)


def test_unpaired_test_is_two_normal_tails():
    error = math.sqrt(np.var(BASE, ddof=1) / 41 + np.var(OTHER, ddof=1) / 41)
    expected = 2 * stats.norm.sf(abs(OTHER.mean() - BASE.mean()) / error)
    assert unpaired_z_test(BASE, OTHER) == pytest.approx(expected, rel=1e-9)
    # A p-value as small as the paper's is not rounded away.
    assert 0 < unpaired_z_test(BASE, OTHER + 2.0) < 1e-30


@pytest.mark.parametrize("test", [paired_t_test, unpaired_z_test])
def test_a_pair_with_a_gap_is_left_out(test):
    kept = [index for index in range(41) if index not in (3, 7, 11)]
    expected = test(BASE[kept], OTHER[kept])
    assert test(_with_gaps(BASE, 3, 7), _with_gaps(OTHER, 7, 11)) == expected
    assert test(BASE, OTHER) != expected


@pytest.mark.parametrize("test", [paired_t_test, unpaired_z_test])
def test_no_spread_is_no_division_by_zero(test):
    assert test(BASE, BASE) == 1.0
    assert test(np.full(5, 0.5), np.full(5, 0.75)) == 0.0
    assert math.isnan(test([0.5], [0.75]))


def test_pairs_of_other_sessions_are_an_error():
    with pytest.raises(ValueError, match=r"shape \[S\]. Received: \(2,\) and \(3,\)"):
        complete_pairs(np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("freedom", [1.7, 4, 40, math.inf])
@pytest.mark.parametrize("gain", [-0.02, 0.001, 0.05])
def test_interval_and_p_value_agree(gain, freedom):
    low, high = t_interval(gain, 0.01, freedom)
    assert (low <= 0 <= high) == (t_p_value(gain, 0.01, freedom) >= 0.05)
    assert high - gain == pytest.approx(gain - low)
    edge = t_interval(gain, 0.01, freedom)[0]
    assert t_p_value(gain - edge, 0.01, freedom) == pytest.approx(0.05)


def test_interval_without_error_is_a_point():
    assert t_interval(0.25, 0.0, math.inf) == (0.25, 0.25)
    assert smallest_detectable(0.0, math.inf) == 0.0


@pytest.mark.parametrize("sessions", [23, 211])
def test_smallest_detectable_difference_shows_in_four_of_five_samples(sessions):
    rng = np.random.default_rng(sessions)
    gain = smallest_detectable(sessions**-0.5, sessions - 1)
    samples = rng.normal(gain, 1.0, size=(4000, sessions))
    shown = stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05
    assert shown.mean() == pytest.approx(0.8, abs=0.02)
