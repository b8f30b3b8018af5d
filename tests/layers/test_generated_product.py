import numpy as np
import pytest

from ranking.layers.generated_product import GeneratedProduct
from tests.helpers import view_oracles
from tests.helpers.layer_checks import run_layer_checks
from tests.helpers.view_inputs import B, C, D, F, S, make_views_inputs, randomize

U, E = 3, 11


def make_inputs():
    inputs = make_views_inputs("inputs")
    condition = np.random.default_rng(2).normal(size=(B, C, E)).astype("float32")
    return {"inputs": inputs["inputs"], "condition": condition, "trigger": inputs["trigger"]}


@pytest.mark.parametrize("options", [{"hidden_sizes": (13,), "use_bias": True}])
def test_layer_contract(options):
    arguments = {"output_size": U, **options}
    run_layer_checks(GeneratedProduct, arguments, make_inputs(), (B, C, S, U))


@pytest.mark.parametrize("hidden_sizes", [(), (13,), (13, 7)])
@pytest.mark.parametrize("use_bias", [False, True])
def test_value_equals_the_matrix_times_the_vector(hidden_sizes, use_bias):
    layer = GeneratedProduct(U, hidden_sizes=hidden_sizes, use_bias=use_bias)
    layer.build((B, C, D), (B, C, E), (B, C, S, F))
    inputs = make_inputs()
    found = randomize(layer)(*inputs.values()).numpy()
    for b, c, k in np.ndindex(B, C, S):
        arguments = inputs["inputs"][b, c], inputs["condition"][b, c], inputs["trigger"][b, c, k]
        expected = view_oracles.generated_product(layer, *arguments)
        np.testing.assert_allclose(found[b, c, k], expected, atol=1e-4)


def test_bad_arguments_and_shapes_are_refused():
    with pytest.raises(ValueError, match="`output_size` must be a whole number from 1 on.*=0"):
        GeneratedProduct(0)
    with pytest.raises(ValueError, match="`hidden_sizes` must hold whole numbers"):
        GeneratedProduct(U, hidden_sizes=(-1,))
    with pytest.raises(ValueError, match=r"takes `inputs` of shape \(B, C, D\).*\(2, 5\)"):
        GeneratedProduct(U).build((B, D), (B, C, E), (B, C, S, F))
