import numpy as np
import pytest

from ranking.layers.attention_projections import AttentionProjections
from tests.helpers.layer_checks import run_layer_checks

VECTORS = np.random.default_rng(1).normal(size=(2, 3, 5)).astype("float32")


def test_layer_contract():
    run_layer_checks(AttentionProjections, {"size": 5}, {"vectors": VECTORS}, (2, 3, 20))


def test_keys_values_queries_and_the_vectors():
    layer = AttentionProjections(5)
    found = np.asarray(layer(VECTORS))
    kernel, bias = layer.get_weights()
    for part in range(3):
        columns = slice(5 * part, 5 * part + 5)
        expected = VECTORS @ kernel[:, columns] + bias[columns]
        np.testing.assert_allclose(found[..., columns], expected, atol=1e-6)
    np.testing.assert_array_equal(found[..., 15:], VECTORS)
    np.testing.assert_allclose(layer(VECTORS, attends=False), found[..., :10], atol=1e-6)


def test_each_part_starts_as_a_glorot_draw():
    layer = AttentionProjections(32)
    layer.build((None, 32))
    kernel = np.abs(layer.kernel.value.numpy())
    limit = np.sqrt(6 / 64)
    assert 0.98 * limit < kernel.max() <= limit


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`size` must be a whole number from 1 on.*=0"):
        AttentionProjections(0)
