import math

import numpy as np
import pytest
import tensorflow as tf

from ranking.features import spec as specs
from ranking.features.spec import Field, Transform
from ranking.features.transforms import transformed
from tests.helpers.encoding_oracle import encoded_number

LOG1P, CLIP = Transform("log1p"), Transform("clip", (0.5, 3.0))
STANDARDIZE = Transform("standardize", (2.0, 0.25))
VALUES = [-2.0, 0.0, 0.3, 2.5, 1e6, math.nan, math.inf, -math.inf]


def field(*transforms: Transform, dtype: str = "float32", default: float | None = None) -> Field:
    return Field("price", specs.CANDIDATES, "dense", dtype, transforms=transforms, default=default)


@pytest.mark.parametrize("default", [None, 7.0])
@pytest.mark.parametrize(
    "transforms",
    [(), (LOG1P,), (CLIP,), (STANDARDIZE,), (LOG1P, CLIP, STANDARDIZE), (STANDARDIZE, LOG1P)],
)
def test_steps_are_applied_in_their_order(transforms, default):
    one = field(*transforms, default=default)
    known = VALUES if default is not None else [value for value in VALUES if value == value]
    expected = [encoded_number(one, value) for value in known]
    np.testing.assert_allclose(transformed(one, tf.constant(known)), expected, rtol=1e-6)


@pytest.mark.parametrize("transforms", [(), (LOG1P,), (CLIP,), (LOG1P, CLIP, STANDARDIZE)])
def test_a_missing_number_without_default_stays_visible(transforms):
    assert np.isnan(transformed(field(*transforms), tf.constant([math.nan]))).all()


def test_whole_numbers_become_float32():
    values = transformed(field(LOG1P, dtype="int64"), tf.constant([0, 1 << 40], tf.int64))
    np.testing.assert_allclose(values, [0.0, math.log(1 + 2.0**40)], rtol=1e-6)
    assert values.dtype == tf.float32
