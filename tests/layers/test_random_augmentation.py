import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.random_augmentation import RandomAugmentation

B, T, D = 6007, 8, 2
ITEMS = np.random.default_rng(1).normal(size=(B, T, D)).astype("float32")
MASK = np.ones((B, T), bool)
RATES = {"mask_probability": 0.9, "crop_share": 0.75, "reorder_share": 1.0}


def draw(layer, items=ITEMS, mask=MASK):
    return tuple(np.asarray(part) for part in layer(items, mask, training=True))


def kinds(items, kept):
    """Which sessions show what each augmentation alone can do at these rates."""
    moved = (items != ITEMS).any(axis=(1, 2))
    ends = (kept[:, 1:] != kept[:, :-1]).sum(axis=1)
    cropped = (kept.sum(axis=1) == 6) & (ends <= 2)
    masked = kept.sum(axis=1) < 6
    return {"mask": masked, "crop": cropped, "reorder": moved}


def test_every_session_is_changed_in_one_way_each_equally_often():
    items, kept = draw(RandomAugmentation(**RATES, seed=1))
    found = kinds(items, kept)
    for share in (np.mean(found[kind]) for kind in found):
        assert share == pytest.approx(1 / 3, abs=0.03)
    assert not (found["reorder"] & ~kept.all(axis=1)).any()
    assert np.mean(sum(part.astype(int) for part in found.values()) == 1) > 0.99


def test_what_happens_to_one_session_does_not_say_where():
    _, kept = draw(RandomAugmentation(**RATES, seed=1))
    cropped = kept[kept.sum(axis=1) == 6]
    starts = np.bincount(cropped.argmax(axis=1), minlength=3)[:3] / len(cropped)
    np.testing.assert_allclose(starts, 1 / 3, atol=0.05)


def test_rates_are_those_told():
    layer = RandomAugmentation(**RATES, keep_one=True, seed=1)
    _, kept = draw(layer)
    assert kept.any(axis=1).all()
    _, kept = draw(RandomAugmentation(**RATES, seed=1))
    assert not kept.any(axis=1).all()
    assert (layer.masking.probability, layer.cropping.share) == (0.9, 0.75)
    assert layer.reordering.share == 1.0


def test_nothing_changes_outside_training():
    items, kept = RandomAugmentation(**RATES)(ITEMS, MASK)
    np.testing.assert_array_equal(items, ITEMS)
    np.testing.assert_array_equal(kept, MASK)


def test_padding_is_never_brought_back_and_may_hold_anything():
    mask = np.arange(T) < np.random.default_rng(2).integers(0, T + 1, B)[:, None]
    filled = np.where(mask[..., None], ITEMS, np.nan).astype("float32")
    items, kept = draw(RandomAugmentation(**RATES, seed=1), filled, mask)
    assert not (kept & ~mask).any()
    np.testing.assert_array_equal(np.isnan(items).any(axis=-1), ~mask)
    assert draw(RandomAugmentation(**RATES), ITEMS[:, :0], MASK[:, :0])[1].shape == (B, 0)


def test_functional_model_of_unknown_sizes():
    items, mask = keras.Input((None, D)), keras.Input((None,), dtype="bool")
    model = keras.Model([items, mask], RandomAugmentation(**RATES, seed=1)(items, mask))
    for found, expected in zip(
        model([ITEMS, MASK], training=True),
        draw(RandomAugmentation(**RATES, seed=1)),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_every_call_draws_anew_and_a_checkpoint_goes_on_where_it_was(tmp_path):
    layer, other = RandomAugmentation(**RATES, seed=1), RandomAugmentation(**RATES, seed=2)
    first = draw(layer)[1]
    path = tf.train.Checkpoint(layer=layer).save(str(tmp_path / "checkpoint"))
    second = draw(layer)[1]
    assert not np.array_equal(first, second)
    tf.train.Checkpoint(layer=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(draw(other)[1], second)


def test_config_makes_the_same_layer():
    layer = RandomAugmentation(**RATES, keep_one=True, seed=3, name="changes")
    document = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert keras.saving.deserialize_keras_object(document).get_config() == layer.get_config()
    assert {**RATES, "keep_one": True, "seed": 3}.items() <= layer.get_config().items()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mask_probability", 1.0, "`mask_probability` must be"),
        ("crop_share", 0.0, "`crop_share` must be"),
        ("reorder_share", 2.0, "`reorder_share` must be"),
    ],
)
def test_bad_rates_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        RandomAugmentation(**{**RATES, name: value})
