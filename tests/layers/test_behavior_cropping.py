import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.behavior_cropping import BehaviorCropping
from tests.helpers.layer_checks import run_layer_checks

B, T = 2003, 7
MASK = np.arange(T) < np.random.default_rng(1).integers(0, T + 1, B)[:, None]


def draw(layer, mask=MASK):
    return np.asarray(layer(mask, training=True))


def test_layer_contract():
    arguments = {"share": 0.6, "seed": 1}
    run_layer_checks(
        BehaviorCropping, arguments, {"behaviors_mask": MASK[:5]}, (5, T), output_dtype="bool"
    )


def test_mask_is_untouched_outside_training():
    np.testing.assert_array_equal(BehaviorCropping(0.5)(MASK), MASK)
    np.testing.assert_array_equal(BehaviorCropping(0.5)(MASK, training=False), MASK)


def test_a_stretch_of_the_share_is_left_and_padding_never_brought_back():
    kept = draw(BehaviorCropping(0.5, seed=1))
    assert not (kept & ~MASK).any()
    lengths = MASK.sum(axis=1)
    np.testing.assert_array_equal(
        kept.sum(axis=1), np.maximum(lengths // 2, np.minimum(lengths, 1))
    )
    for row in kept[kept.any(axis=1)]:
        first, last = np.flatnonzero(row)[[0, -1]]
        assert row[first : last + 1].all()


def test_behaviors_are_kept_by_how_many_spans_hold_them():
    kept = draw(BehaviorCropping(0.5, seed=1), np.ones((20011, 6), bool)).mean(axis=0)
    np.testing.assert_allclose(kept, np.array([1, 2, 3, 3, 2, 1]) / 4, atol=0.02)


def test_the_whole_share_leaves_everything():
    np.testing.assert_array_equal(draw(BehaviorCropping(1.0)), MASK)


def test_empty_histories_and_no_length_at_all():
    assert not draw(BehaviorCropping(0.5), np.zeros((3, T), bool)).any()
    assert draw(BehaviorCropping(0.5), np.zeros((3, 0), bool)).shape == (3, 0)


def test_every_call_draws_anew_and_a_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = BehaviorCropping(0.5, seed=1), BehaviorCropping(0.5, seed=2)
    first = draw(layer)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    second = draw(layer)
    assert not np.array_equal(first, second)
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(draw(other), second)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`share` must be above 0 and at most 1"):
        BehaviorCropping(0.0)
    with pytest.raises(ValueError, match=r"of shape \(B, T\).*\(2, 3, 5\)"):
        BehaviorCropping(0.5)(np.ones((2, 3, 5), bool))
