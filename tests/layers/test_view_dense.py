import numpy as np
import pytest

from ranking.layers.view_dense import ViewDense
from tests.helpers import oracles
from tests.helpers.layer_checks import run_layer_checks
from tests.helpers.view_inputs import B, C, D, F, S, make_views_inputs, randomize

U = 11


def test_layer_contract():
    run_layer_checks(ViewDense, {"output_size": U}, make_views_inputs("shared"), (B, C, S, U))


def test_value_equals_the_loop():
    layer = ViewDense(U)
    layer.build((B, C, D), (B, C, S, F))
    shared, own = make_views_inputs("shared").values()
    found = randomize(layer)(shared, own)
    ((kernel, bias),) = oracles.dense_pairs(layer)
    for b, c, k in np.ndindex(B, C, S):
        expected = oracles.dense(kernel, bias, np.concatenate([shared[b, c], own[b, c, k]]))
        np.testing.assert_allclose(found[b, c, k], oracles.relu(expected), atol=1e-5)


def test_bad_arguments_and_shapes_are_refused():
    with pytest.raises(ValueError, match="`output_size` must be a whole number from 1 on.*=0"):
        ViewDense(0)
    with pytest.raises(ValueError, match=r"takes `shared` of shape \(B, C, D\).*\(2, 3, 7\)"):
        ViewDense(U).build((B, C, D), (B, C, F))
