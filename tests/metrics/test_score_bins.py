import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.score_bins import BINS, float_bins, logit_bins, ordered_pattern, pattern_scores
from tests.helpers.metric_oracles import PROPERTY

FLOATS = st.lists(st.floats(allow_nan=False, width=32), min_size=2, max_size=7)
PROBABILITIES = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=7)


@PROPERTY
@given(FLOATS)
def test_patterns_have_the_order_and_the_ties_of_the_scores(values):
    scores = np.array(values, dtype=np.float32)
    patterns = ordered_pattern(scores)
    assert (0 <= patterns).all() and (patterns < 2**32).all()
    for one in range(len(scores)):
        np.testing.assert_array_equal(scores < scores[one], patterns < patterns[one])
    np.testing.assert_array_equal(pattern_scores(patterns), scores)


@PROPERTY
@given(FLOATS)
def test_bins_of_any_scores_keep_their_order(values):
    scores = np.sort(np.array(values, dtype=np.float32))
    bins = float_bins(scores)
    assert (np.diff(bins) >= 0).all() and 0 <= bins[0] and bins[-1] < BINS


@PROPERTY
@given(PROBABILITIES)
def test_bins_of_probabilities_keep_their_order(values):
    bins = logit_bins(np.sort(np.array(values, dtype=np.float32)))
    assert (np.diff(bins) >= 0).all() and 0 <= bins[0] and bins[-1] < BINS


def test_neighboring_probabilities_never_change_their_order():
    chance = np.random.default_rng(3)
    scores = chance.random(10007).astype(np.float32)
    above = np.nextafter(scores, np.float32(1))
    assert (logit_bins(above) >= logit_bins(scores)).all()


@pytest.mark.parametrize(("logit", "place"), [(-30, 0), (-20, 0), (0, 0.5), (3.7, 0.5925)])
def test_bins_are_equally_wide_in_the_logit(logit, place):
    (found,) = logit_bins(np.array([1 / (1 + np.exp(-logit))], dtype=np.float32))
    assert found == pytest.approx(place * BINS, abs=1)


def test_counts_up_to_256_have_bins_of_their_own():
    assert len(set(float_bins(np.arange(257, dtype=np.float32)).tolist())) == 257
