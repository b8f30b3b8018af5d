import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.log_loss import log_loss, log_losses
from tests.helpers.metric_oracles import PROPERTY

CANDIDATES = st.lists(st.tuples(st.floats(0.001, 0.999), st.integers(0, 1)), min_size=1)


@PROPERTY
@given(CANDIDATES)
def test_loss_is_the_negative_log_likelihood(candidates):
    expected = [-math.log(p if label else 1 - p) for p, label in candidates]
    probabilities, labels = zip(*candidates, strict=True)
    np.testing.assert_allclose(log_losses(probabilities, labels), expected, rtol=1e-12)
    assert log_loss(probabilities, labels) == pytest.approx(sum(expected) / len(expected))


def test_a_sure_mistake_costs_a_finite_amount():
    assert log_loss([0.0], [1]) == log_loss([1.0], [0]) == pytest.approx(-math.log(1e-7))
    assert log_loss([1.0], [1]) == pytest.approx(0.0, abs=1e-6)


def test_float32_probabilities_are_averaged_in_float64():
    probabilities = np.full(100_003, 0.3, dtype=np.float32)
    expected = -math.log1p(-float(np.float32(0.3)))
    assert log_loss(probabilities, np.zeros(100_003)) == pytest.approx(expected, rel=1e-12)


def test_no_candidate_has_no_loss():
    assert math.isnan(log_loss([], []))


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match=r"Received: \(1,\) and \(2,\)"):
        log_loss([0.5], [1, 0])
