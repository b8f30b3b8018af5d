import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.clear_padding import clear_padding


@pytest.mark.parametrize("filler", [7.0, np.inf, np.nan])
def test_padding_becomes_zero_in_value_and_gradient(filler):
    vectors = tf.constant([[1.0, 2.0], [filler, filler]])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        cleared = clear_padding(vectors, np.array([True, False]))
        total = tf.reduce_sum(cleared**2)
    np.testing.assert_array_equal(cleared, [[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(tape.gradient(total, vectors), [[2.0, 4.0], [0.0, 0.0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_type_is_kept(dtype):
    cleared = clear_padding(tf.ones((3, 2), dtype), np.array([True, False, True]))
    assert cleared.dtype == dtype
