import numpy as np
import pytest
import tensorflow as tf

from ranking.features.positions import clip_lengths, keep_newest, valid_positions


def test_lengths_stay_within_the_width():
    clipped = clip_lengths(tf.constant([-1, 0, 3, 7], tf.int64), 3)
    assert clipped.dtype == tf.int32
    assert clipped.numpy().tolist() == [0, 0, 3, 3]


def test_positions_before_the_length_are_valid():
    mask = valid_positions(tf.constant([[0, 2], [3, 1]]), 3)
    expected = [[[0, 0, 0], [1, 1, 0]], [[1, 1, 1], [1, 0, 0]]]
    assert mask.numpy().astype(int).tolist() == expected
    assert valid_positions(tf.constant([0]), 0).shape == (1, 0)


@pytest.mark.parametrize("width", [0, 2, 3, 5, 7])
@pytest.mark.parametrize("is_static", [True, False])
def test_the_last_valid_positions_stay(width, is_static):
    lengths = np.minimum([0, 1, 3, 4, 7], width).astype(np.int32)
    numbers = np.arange(5 * width).reshape(5, width)
    pairs = np.stack([numbers, -numbers], axis=-1)
    shape = [5, width] if is_static else [None, None]
    cut = tf.function(
        lambda numbers, pairs, lengths: keep_newest({"n": numbers, "p": pairs}, lengths, 3),
        input_signature=[
            tf.TensorSpec(shape, tf.int64),
            tf.TensorSpec([*shape, 2], tf.int64),
            tf.TensorSpec([None], tf.int32),
        ],
    )(numbers, pairs, lengths)
    assert cut["n"].shape[1] == min(width, 3)
    for row, length in enumerate(lengths):
        kept = numbers[row, max(0, length - 3) : length]
        np.testing.assert_array_equal(cut["n"][row, : len(kept)], kept)
        np.testing.assert_array_equal(cut["p"][row, : len(kept), 1], -kept)
