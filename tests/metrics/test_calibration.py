import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.calibration import expected_calibration_error, pcoc
from tests.helpers.metric_oracles import PROPERTY

CANDIDATES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), max_size=31)


def _loop_error(candidates, num_bins):
    bins = {}
    for probability, label in candidates:
        number = min(int(probability * num_bins), num_bins - 1)
        bins.setdefault(number, []).append((probability, label))
    error = 0.0
    for members in bins.values():
        promised = sum(probability for probability, _ in members) / len(members)
        actual = sum(label for _, label in members) / len(members)
        error += abs(promised - actual) * len(members) / len(candidates)
    return error


@PROPERTY
@given(CANDIDATES.filter(bool), st.integers(1, 7))
def test_error_is_the_mean_gap_of_the_bins(candidates, num_bins):
    probabilities, labels = zip(*candidates, strict=True)
    error = expected_calibration_error(probabilities, labels, num_bins=num_bins)
    assert error == pytest.approx(_loop_error(candidates, num_bins), abs=1e-12)


def test_pcoc_is_predicted_over_actual():
    assert pcoc([0.5, 0.5, 0.2], [1, 0, 1]) == pytest.approx(0.6)


def test_true_probabilities_are_calibrated():
    generator = np.random.default_rng(3)
    probabilities = generator.random(100_003)
    labels = generator.random(100_003) < probabilities
    assert pcoc(probabilities, labels) == pytest.approx(1.0, abs=0.01)
    assert expected_calibration_error(probabilities, labels) < 0.02


def test_without_clicks_or_candidates_there_is_no_number():
    assert math.isnan(pcoc([0.5], [0]))
    assert math.isnan(pcoc([], []))
    assert math.isnan(expected_calibration_error([], []))


def test_float32_probabilities_are_summed_in_float64():
    probabilities = np.full(1_000_003, 0.1, dtype=np.float32)
    labels = np.ones(1_000_003, dtype=np.float32)
    assert pcoc(probabilities, labels) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_wrong_input_is_one_clear_error():
    with pytest.raises(ValueError, match=r"one shape \[N\]. Received: \(1,\) and \(2,\)"):
        pcoc([0.5], [1, 0])
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]. Received: 0.5 to 1.5"):
        expected_calibration_error([0.5, 1.5], [1, 0])
    with pytest.raises(ValueError, match="num_bins=0"):
        expected_calibration_error([0.5], [1], num_bins=0)
