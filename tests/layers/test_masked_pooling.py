import numpy as np
import pytest

from ranking.layers.masked_pooling import MaskedPooling
from tests.helpers import oracles
from tests.helpers.layer_checks import (
    check_padding_never_matters,
    outputs_and_gradients,
    run_layer_checks,
)

B, C, M, D = 3, 5, 7, 11
POOLS = pytest.mark.parametrize("pool", ["sum", "mean", "max"])


def make_inputs(size=M):
    generator = np.random.default_rng(2)
    mask = np.zeros((B, size), bool)
    mask[1, :3] = True
    mask[2] = True
    return {"vectors": generator.normal(size=(B, size, D)).astype("float32"), "mask": mask}


@POOLS
def test_layer_contract(pool):
    run_layer_checks(MaskedPooling, {"pool": pool}, make_inputs(), (B, D))


@POOLS
def test_value_equals_the_loop(pool):
    inputs = make_inputs()
    found = MaskedPooling(pool)(*inputs.values())
    expected = [
        oracles.masked_pooling(*row, pool)
        for row in zip(inputs["vectors"], inputs["mask"], strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@POOLS
def test_higher_ranks_pool_the_same_axis(pool):
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(B, C, M, D)).astype("float32")
    mask = generator.random((B, C, M)) < 0.5
    found = MaskedPooling(pool)(vectors, mask)
    for c in range(C):
        of_one = MaskedPooling(pool)(vectors[:, c], mask[:, c])
        np.testing.assert_allclose(found[:, c], of_one, atol=1e-6)


@POOLS
def test_padding_content_never_matters(pool):
    inputs = make_inputs()
    check_padding_never_matters(MaskedPooling(pool), inputs, "vectors", inputs["mask"])


@POOLS
def test_padding_length_never_matters(pool):
    inputs = make_inputs()
    longer = {
        "vectors": np.pad(inputs["vectors"], ((0, 0), (0, 2), (0, 0)), constant_values=9.0),
        "mask": np.pad(inputs["mask"], ((0, 0), (0, 2))),
    }
    pooling = MaskedPooling(pool)
    expected = pooling(*inputs.values())
    np.testing.assert_allclose(pooling(*longer.values()), expected, atol=1e-6)


@POOLS
def test_nothing_valid_gives_zeros(pool):
    inputs = make_inputs()
    np.testing.assert_array_equal(MaskedPooling(pool)(*inputs.values())[0], np.zeros(D))


@POOLS
def test_zero_length_gives_zeros(pool):
    outputs, _, _ = outputs_and_gradients(MaskedPooling(pool), make_inputs(0))
    np.testing.assert_array_equal(outputs, np.zeros((B, D)))


def test_maximum_of_negative_vectors_is_negative():
    inputs = make_inputs()
    pooled = MaskedPooling("max")(-1 - np.abs(inputs["vectors"]), inputs["mask"])
    assert np.all(np.asarray(pooled)[1:] < 0)


def test_mean_over_many_is_exact_in_half_precision():
    vectors, mask = np.ones((1, 1009, 2), "float32"), np.ones((1, 1009), bool)
    for policy in ("bfloat16", "float16"):
        pooled = MaskedPooling("mean", dtype=policy)(vectors, mask)
        np.testing.assert_allclose(np.asarray(pooled, "float32"), 1.0, rtol=1e-2)


def test_unknown_pool_is_refused():
    with pytest.raises(ValueError, match=r"`pool` must be one of .*'median'"):
        MaskedPooling("median")


def test_mask_of_another_rank_is_refused():
    with pytest.raises(ValueError, match=r"`mask` of shape \(\.\.\., M\)"):
        MaskedPooling("sum")(np.ones((B, M, D)), np.ones((B, M, D), bool))
