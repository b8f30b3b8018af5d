import keras
import numpy as np

from ranking.layers.masked_batch_norm import MaskedBatchNorm
from tests.helpers.layer_checks import run_layer_checks

B, C, D = 3, 5, 7


def test_layer_contract():
    inputs = np.random.default_rng(1).normal(size=(B, C, D)).astype("float32")
    run_layer_checks(MaskedBatchNorm, {}, {"inputs": inputs}, (B, C, D))


def test_no_mask_hangs_on_the_output():
    inputs, mask = np.ones((B, C, D), "float32"), np.ones((B, C), bool)
    passed_on = keras.layers.BatchNormalization()(inputs, mask=mask)
    assert passed_on._keras_mask is not None
    assert getattr(MaskedBatchNorm()(inputs, mask=mask), "_keras_mask", None) is None


def test_moving_statistics_are_those_of_valid_positions():
    inputs = np.random.default_rng(1).normal(size=(B, C, D)).astype("float32")
    mask = np.random.default_rng(2).random((B, C)) < 0.5
    norm = MaskedBatchNorm(momentum=0.0)
    norm(np.where(mask[..., None], inputs, 1e6), mask=mask, training=True)
    np.testing.assert_allclose(norm.moving_mean.value, inputs[mask].mean(0), atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.value, inputs[mask].var(0), atol=1e-5)
