import itertools

import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.behavior_reordering import BehaviorReordering
from tests.helpers.layer_checks import run_layer_checks

B, T, D = 1009, 7, 3
CHANCE = np.random.default_rng(1)
MASK = np.arange(T) < CHANCE.integers(0, T + 1, B)[:, None]
ITEMS = CHANCE.normal(size=(B, T, D)).astype("float32")


def draw(layer, items=ITEMS, mask=MASK):
    return np.asarray(layer(items, mask, training=True))


def places(moved, items=ITEMS):
    """For every place the place that its item comes from."""
    return np.abs(moved[:, :, None] - items[:, None]).sum(axis=-1).argmin(axis=-1)


def test_layer_contract():
    inputs = {"items": ITEMS[:5], "behaviors_mask": MASK[:5]}
    run_layer_checks(BehaviorReordering, {"share": 0.6, "seed": 1}, inputs, (5, T, D))


def test_items_are_untouched_outside_training():
    np.testing.assert_array_equal(BehaviorReordering(0.5)(ITEMS, MASK), ITEMS)


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("gaps", [False, True])
def test_items_of_one_stretch_change_places_and_all_else_stays(share, gaps):
    mask = CHANCE.permuted(MASK, axis=1) if gaps else MASK
    origin = places(draw(BehaviorReordering(share, seed=1), mask=mask))
    moved = origin != np.arange(T)
    assert moved.any() and not (moved & ~mask).any()
    for row, real in zip(origin, mask, strict=True):
        assert sorted(row) == list(range(T))
        of_real = np.flatnonzero(row[real] != np.flatnonzero(real))
        longest = max(int(np.floor(real.sum() * share + 1e-9)), min(real.sum(), 1))
        assert not len(of_real) or of_real[-1] - of_real[0] < longest


def test_every_order_is_equally_likely():
    items = np.repeat(ITEMS[:1, :3], 12007, axis=0)
    origin = places(draw(BehaviorReordering(1.0, seed=1), items, np.ones((12007, 3), bool)), items)
    shares = [np.mean((origin == order).all(axis=1)) for order in itertools.permutations(range(3))]
    np.testing.assert_allclose(shares, 1 / 6, atol=0.02)


@pytest.mark.parametrize("filler", [np.inf, np.nan])
def test_padding_stays_padding(filler):
    filled = np.where(MASK[..., None], ITEMS, np.float32(filler))
    moved = draw(BehaviorReordering(1.0, seed=1), filled)
    np.testing.assert_array_equal(moved[~MASK], filled[~MASK])
    np.testing.assert_array_equal(moved[MASK], draw(BehaviorReordering(1.0, seed=1))[MASK])


def test_gradients_go_back_to_where_items_came_from():
    with tf.GradientTape() as tape:
        items = tf.constant(ITEMS)
        tape.watch(items)
        moved = BehaviorReordering(1.0, seed=1)(items, MASK, training=True)
        total = tf.reduce_sum(moved * np.arange(T, dtype="float32")[:, None])
    found = tape.gradient(total, items).numpy()[..., 0]
    origin = places(moved.numpy())
    np.testing.assert_array_equal(np.take_along_axis(found, origin, axis=1), [np.arange(T)] * B)


def test_empty_histories_and_no_length_at_all():
    nothing = np.zeros((B, T), bool)
    np.testing.assert_array_equal(draw(BehaviorReordering(1.0), mask=nothing), ITEMS)
    assert draw(BehaviorReordering(1.0), ITEMS[:, :0], MASK[:, :0]).shape == (B, 0, D)


def test_every_call_draws_anew_and_a_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = BehaviorReordering(1.0, seed=1), BehaviorReordering(1.0, seed=2)
    first = draw(layer)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    second = draw(layer)
    assert not np.array_equal(first, second)
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(draw(other), second)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`share` must be above 0 and at most 1"):
        BehaviorReordering(1.5)
    with pytest.raises(ValueError, match=r"of shape \(B, T\).*mask\.shape=\(1009, 7, 1\)"):
        BehaviorReordering(0.5)(ITEMS, MASK[..., None])
