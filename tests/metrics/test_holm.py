import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.holm import holm_correction
from tests.helpers.metric_oracles import PROPERTY

P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=11)


def _rejected(p_values, level):
    """Holm's steps as he wrote them: reject while the smallest left is below level / left."""
    left = [index for index, p in enumerate(p_values) if not math.isnan(p)]
    rejected = set()
    while left:
        smallest = min(left, key=lambda index: p_values[index])
        if p_values[smallest] * len(left) > level:
            break
        rejected.add(smallest)
        left.remove(smallest)
    return rejected


@PROPERTY
@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.3]))
def test_a_corrected_p_value_is_the_level_that_rejects(p_values, level):
    corrected = holm_correction(p_values)
    found = {index for index, p in enumerate(corrected) if p <= level}
    assert found == _rejected(p_values, level)


def test_values_by_hand():
    corrected = holm_correction([0.04, 0.001, math.nan, 0.5, 0.02])
    np.testing.assert_allclose(corrected, [0.08, 0.004, math.nan, 0.5, 0.06])


def test_one_test_needs_no_correction_and_none_is_above_one():
    assert holm_correction([0.03]) == pytest.approx([0.03])
    np.testing.assert_array_equal(holm_correction([0.9, 0.8]), [1.0, 1.0])
    assert holm_correction([]).shape == (0,)
