import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.behavior_masking import BehaviorMasking
from tests.helpers.layer_checks import run_layer_checks
from tests.helpers.logical_devices import two_replicas

B, T = 2003, 7
KEEP_ONE = pytest.mark.parametrize("keep_one", [False, True])


def make_mask():
    """Sessions with every number of behaviors from none to T, at random places."""
    return np.random.default_rng(1).random((B, T)) < np.linspace(0, 1, B)[:, None]


def draw(layer, mask=None):
    return np.asarray(layer(make_mask() if mask is None else mask, training=True))


@KEEP_ONE
def test_layer_contract(keep_one):
    arguments = {"probability": 0.3, "keep_one": keep_one, "seed": 1}
    inputs = {"behaviors_mask": make_mask()[:5]}
    run_layer_checks(BehaviorMasking, arguments, inputs, (5, T), output_dtype="bool")


@KEEP_ONE
def test_mask_is_untouched_outside_training(keep_one):
    layer = BehaviorMasking(0.9, keep_one=keep_one)
    np.testing.assert_array_equal(layer(make_mask()), make_mask())
    np.testing.assert_array_equal(layer(make_mask(), training=False), make_mask())


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_behaviors_are_dropped_at_the_rate(probability):
    mask = make_mask()
    kept = draw(BehaviorMasking(probability, seed=1))
    expected, deviation = 1 - probability, np.sqrt(probability * (1 - probability) / mask.sum())
    assert abs(kept.sum() / mask.sum() - expected) < 4 * deviation
    for t in range(T):
        share = kept[:, t].sum() / mask[:, t].sum()
        assert abs(share - expected) < 4 * deviation * np.sqrt(T) * 1.2


def test_behaviors_are_dropped_independently():
    kept = draw(BehaviorMasking(0.5, seed=1), np.ones((B, 2), bool))
    shares = [np.mean(np.all(kept == pair, axis=1)) for pair in np.ndindex(2, 2)]
    np.testing.assert_allclose(shares, 0.25, atol=0.05)


@KEEP_ONE
def test_padding_is_never_brought_back(keep_one):
    layer = BehaviorMasking(0.5, keep_one=keep_one)
    assert not any(np.any(draw(layer) & ~make_mask()) for _ in range(5))


def test_keep_one_leaves_a_behavior_where_there_was_one():
    mask = make_mask()
    kept = draw(BehaviorMasking(0.95, keep_one=True, seed=1))
    np.testing.assert_array_equal(kept.any(1), mask.any(1))
    assert not np.array_equal(draw(BehaviorMasking(0.95, seed=1)).any(1), mask.any(1))


def test_kept_behavior_is_any_of_them():
    kept = draw(BehaviorMasking(0.99, keep_one=True, seed=1), np.ones((B, T), bool))
    np.testing.assert_allclose(kept.mean(0), 1 / T, atol=0.05)


@KEEP_ONE
def test_zero_probability_and_zero_length_drop_nothing(keep_one):
    np.testing.assert_array_equal(draw(BehaviorMasking(0, keep_one=keep_one)), make_mask())
    empty = np.zeros((B, 0), bool)
    assert draw(BehaviorMasking(0.5, keep_one=keep_one), empty).shape == (B, 0)


def test_every_call_draws_anew():
    layer = BehaviorMasking(0.5, seed=1)
    graph = tf.function(lambda mask: layer(mask, training=True))
    draws = [draw(layer), draw(layer), graph(make_mask()).numpy(), graph(make_mask()).numpy()]
    for one in range(4):
        for other in range(one):
            assert not np.array_equal(draws[one], draws[other])


def test_same_seed_draws_the_same():
    first, second, other = (BehaviorMasking(0.5, seed=seed) for seed in (1, 1, 2))
    for _ in range(2):
        drawn = draw(first)
        np.testing.assert_array_equal(drawn, draw(second))
        assert not np.array_equal(drawn, draw(other))


def test_checkpoint_goes_on_where_it_was(tmp_path):
    layer = BehaviorMasking(0.5, seed=1)
    draw(layer)
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    expected = [draw(layer), draw(layer)]
    other = BehaviorMasking(0.5, seed=2)
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal([draw(other), draw(other)], expected)


def test_replicas_draw_anew_in_every_step_and_resume(tmp_path):
    strategy = two_replicas()
    with strategy.scope():
        layer = BehaviorMasking(0.5, seed=1)
    mask = tf.ones((23, T), tf.bool)

    @tf.function
    def step():
        return strategy.run(lambda: layer(mask, training=True))

    def draws():
        return [drawn.numpy() for drawn in strategy.experimental_local_results(step())]

    first, checkpoint = draws(), tf.train.Checkpoint(layer=layer)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    second = draws()
    assert len(first) == 2
    for one, other in zip(first, second, strict=True):
        assert 0 < one.mean() < 1 and not np.array_equal(one, other)
    checkpoint.restore(path).assert_consumed()
    np.testing.assert_array_equal(draws(), second)


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_bad_probability_is_refused(probability):
    with pytest.raises(ValueError, match="`probability` must be at least 0 and below 1"):
        BehaviorMasking(probability)


def test_bad_shape_is_refused():
    with pytest.raises(ValueError, match=r"of shape \(B, T\).*\(2, 3, 5\)"):
        BehaviorMasking(0.5)(np.ones((2, 3, 5), bool))
