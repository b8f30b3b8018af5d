import numpy as np
import pytest

from ranking.layers.length_mask import LengthMask
from tests.helpers import oracles
from tests.helpers.layer_checks import run_layer_checks

B, C, M, D = 3, 5, 7, 11


def test_layer_contract():
    inputs = {"lengths": np.array([0, 2, M]), "reference": np.zeros((B, M, D), "float32")}
    run_layer_checks(LengthMask, {}, inputs, (B, M), output_dtype="bool")


def test_positions_before_the_length_are_true():
    lengths = np.array([0, 2, M], "int32")
    found = LengthMask()(lengths, np.zeros((B, M), "int32"))
    np.testing.assert_array_equal(found, oracles.length_mask(lengths, M))


def test_lengths_per_candidate_take_the_following_axis():
    lengths = np.random.default_rng(1).integers(0, M + 1, (B, C))
    found = LengthMask()(lengths, np.zeros((B, C, M, D), "float32"))
    expected = [oracles.length_mask(row, M) for row in lengths]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_lengths_may_have_any_integer_type(dtype):
    found = LengthMask()(np.array([1, 2], dtype), np.zeros((2, 3), "int64"))
    np.testing.assert_array_equal(found, [[True, False, False], [True, True, False]])


def test_content_of_the_reference_never_matters():
    reference = np.full((2, 3, D), np.nan, "float32")
    found = LengthMask()(np.array([1, 3]), reference)
    np.testing.assert_array_equal(found, oracles.length_mask([1, 3], 3))


def test_zero_padded_length_gives_an_empty_mask():
    assert LengthMask()(np.array([0, 0]), np.zeros((2, 0, D), "float32")).shape == (2, 0)


def test_lengths_beyond_the_padded_length_are_all_true():
    assert np.all(LengthMask()(np.array([9]), np.zeros((1, 3))))


def test_reference_without_the_axis_is_refused():
    with pytest.raises(ValueError, match=r"`reference` must have a higher rank.*\(2,\)"):
        LengthMask()(np.array([1, 2]), np.zeros((2,), "float32"))
