import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.metrics.pooled_auc import pooled_auc
from tests.helpers.metric_oracles import PROPERTY, loop_auc

CANDIDATES = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), max_size=23)


@PROPERTY
@given(CANDIDATES)
def test_pooled_auc_is_the_share_of_ordered_pairs(candidates):
    scores = [score for score, _ in candidates]
    labels = [label for _, label in candidates]
    expected = loop_auc(candidates)
    assert pooled_auc(scores, labels) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_order_of_the_candidates_never_matters():
    generator = np.random.default_rng(5)
    scores = generator.integers(0, 31, 997).astype(np.float32)
    labels = generator.integers(0, 2, 997)
    aucs = [pooled_auc(scores, labels)]
    for order in (np.argsort(scores), np.argsort(-scores), generator.permutation(997)):
        aucs.append(pooled_auc(scores[order], labels[order]))
    assert len(set(aucs)) == 1


def test_one_class_has_no_auc():
    assert math.isnan(pooled_auc([1.0, 2.0], [1, 1]))
    assert math.isnan(pooled_auc([], []))


def test_shapes_that_differ_are_an_error():
    with pytest.raises(ValueError, match=r"labels.shape=\(3,\)"):
        pooled_auc([1.0, 2.0], [1, 0, 1])
