import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.layers.behavior_cropping import BehaviorCropping
from ranking.layers.behavior_masking import BehaviorMasking
from ranking.layers.behavior_reordering import BehaviorReordering
from ranking.layers.random_augmentation import RandomAugmentation
from ranking.models.contrastive import (
    ContrastiveSettings,
    augmented_view,
    behavior_masking,
    contrastive_outputs,
    contrastive_term,
    owner_key,
)
from ranking.models.embedded_session import embed_session
from ranking.settings_parser import SettingsError
from tests.helpers.model_spec import encoded_batch, recommendation_spec, search_spec

CHANCE = np.random.default_rng(5)
SESSIONS, CANDIDATES, EXPERTS = 7, 3, 5
GATE = CHANCE.normal(size=(SESSIONS, EXPERTS)).astype("float32")
MASKED_GATE = CHANCE.normal(size=(SESSIONS, EXPERTS)).astype("float32")
TARGET_GATE = CHANCE.normal(size=(SESSIONS, CANDIDATES, EXPERTS)).astype("float32")
OWNER = np.array([2, 2, 5, 5, 11, 13, 13])
LENGTHS = np.array([3, 2, 1, 3, 1, 2, 0])  # The last session is padding.
MASK = np.arange(CANDIDATES) < LENGTHS[:, None]
BASE = {"experts": EXPERTS, "negatives": 11}


def outputs_of(gate=GATE, masked_gate=MASKED_GATE, **changes):
    keras.utils.set_random_seed(3)
    settings = ContrastiveSettings(**(BASE | changes))
    return contrastive_outputs(gate, masked_gate, OWNER, MASK, settings)


def loss_of(outputs, **changes):
    return contrastive_term(ContrastiveSettings(**(BASE | changes))).function(outputs, {})


def drawn_rows(outputs, gate=GATE):
    """For each real anchor the row numbers of its negatives."""
    rows = np.asarray(gate).reshape(-1, EXPERTS)
    negatives = np.asarray(outputs["negatives"])
    return {
        anchor: {int(np.abs(rows - vector).sum(axis=1).argmin()) for vector in negatives[anchor]}
        for anchor in np.flatnonzero(outputs["anchors_mask"])
    }


def test_the_term_matches_loops_over_equation_10():
    outputs = outputs_of()
    total, count = loss_of(outputs)
    expected = 0.0
    for b in range(SESSIONS - 1):
        similarity = np.exp(GATE[b] @ MASKED_GATE[b])
        others = sum(np.exp(GATE[b] @ negative) for negative in np.asarray(outputs["negatives"][b]))
        expected -= np.log(similarity / (similarity + others))
    assert float(count) == SESSIONS - 1
    np.testing.assert_allclose(float(total), expected, rtol=1e-4)


def test_a_session_of_padding_is_neither_anchor_nor_negative():
    outputs = outputs_of()
    np.testing.assert_array_equal(outputs["anchors_mask"], [True] * 6 + [False])
    assert all(SESSIONS - 1 not in rows for rows in drawn_rows(outputs).values())


def test_negatives_belong_to_other_owners():
    for anchor, rows in drawn_rows(outputs_of()).items():
        assert all(OWNER[row] != OWNER[anchor] for row in rows)


def test_with_a_gate_per_candidate_real_pairs_are_the_rows():
    outputs = outputs_of(TARGET_GATE, TARGET_GATE)
    np.testing.assert_array_equal(outputs["anchors_mask"], MASK.reshape(-1))
    np.testing.assert_array_equal(outputs["anchors"], TARGET_GATE.reshape(-1, EXPERTS))
    owners, real = np.repeat(OWNER, CANDIDATES), MASK.reshape(-1)
    for anchor, rows in drawn_rows(outputs, TARGET_GATE).items():
        assert all(owners[row] != owners[anchor] and real[row] for row in rows)


def test_without_exclusion_the_own_session_gives_negatives_too():
    outputs = outputs_of(TARGET_GATE, TARGET_GATE, negative_exclusion="none")
    drawn = drawn_rows(outputs, TARGET_GATE)
    assert any(row // 3 == anchor // 3 for anchor, rows in drawn.items() for row in rows)
    assert all(anchor not in rows for anchor, rows in drawn.items())


def test_negatives_may_come_from_masked_behaviors():
    plain, masked = outputs_of(), outputs_of(mask_negatives=True)
    assert drawn_rows(plain) == drawn_rows(masked, MASKED_GATE)


def test_the_positive_may_stay_out_of_the_denominator():
    outputs = outputs_of()
    assert float(loss_of(outputs, positive_in_denominator=False)[0]) < float(loss_of(outputs)[0])


@pytest.mark.parametrize(
    ("mask_negatives", "stopped", "reached"),
    [
        (False, "none", [True, True]),
        (False, "original", [False, True]),
        (False, "masked", [True, False]),
        (True, "original", [False, True]),
        (True, "masked", [True, False]),
    ],
)
def test_gradients_stop_where_they_shall(mask_negatives, stopped, reached):
    gate, masked_gate = tf.constant(GATE), tf.constant(MASKED_GATE)
    changes = {"mask_negatives": mask_negatives, "contrastive_stop_gradient": stopped}
    with tf.GradientTape() as tape:
        tape.watch([gate, masked_gate])
        total, _ = loss_of(outputs_of(gate, masked_gate, **changes), **changes)
    found = tape.gradient(total, [gate, masked_gate])
    assert [gradient is not None for gradient in found] == reached


def test_masking_takes_its_settings():
    masking = behavior_masking(ContrastiveSettings(mask_probability=0.9, mask_keep_one=True))
    kept = np.asarray(masking(np.ones((211, 2), bool), training=True))
    assert kept.any(axis=1).all() and kept.sum() < 300


def view_of(spec, **changes):
    """A session's mask, whether each place kept its item in the view, and the view's mask."""
    keras.utils.set_random_seed(5)
    session = embed_session(spec, encoded_batch(spec, sessions=101))
    items, view = [], augmented_view(spec, session, ContrastiveSettings(**changes))
    if view.items is not None:
        items = (np.asarray(view.items) == np.asarray(session.behaviors)).all(axis=-1)
    return np.asarray(session.behaviors_mask), items, np.asarray(view.behaviors_mask)


@pytest.fixture
def in_training(monkeypatch):
    """Layers called outside a network act as in training."""
    for layer in (BehaviorMasking, BehaviorCropping, BehaviorReordering, RandomAugmentation):
        monkeypatch.setattr(layer, "call", functools.partialmethod(layer.call, training=True))


@pytest.mark.usefixtures("in_training")
def test_every_augmentation_makes_its_view():
    spec = search_spec()
    mask, items, kept = view_of(spec, mask_probability=0.5)
    assert len(items) == 0 and 0 < kept.sum() < mask.sum()
    mask, items, kept = view_of(spec, augmentation="crop", crop_share=0.5)
    lengths = mask.sum(axis=1)
    expected = np.maximum(lengths // 2, np.minimum(lengths, 1))
    assert len(items) == 0
    np.testing.assert_array_equal(kept.sum(axis=1), expected)
    mask, items, kept = view_of(spec, augmentation="reorder", reorder_share=1.0)
    np.testing.assert_array_equal(kept, mask)
    assert not items[mask].all() and items[~mask].all()
    mask, items, kept = view_of(spec, augmentation="random", mask_probability=0.5)
    changed = [~items.all(axis=1), (kept != mask).any(axis=1)]
    assert all(part.any() for part in changed) and not (changed[0] & changed[1]).any()


@pytest.mark.parametrize("augmentation", ["reorder", "random"])
def test_an_order_that_no_gate_sees_is_refused(augmentation):
    with pytest.raises(
        SettingsError, match="`augmentation` must be mask or crop.* beside the item"
    ):
        view_of(recommendation_spec(), augmentation=augmentation)


@pytest.mark.parametrize(
    ("exclusion", "of_search", "of_recommendation"),
    [("auto", "user_id", None), ("session", None, None), ("none", None, None)],
)
def test_owners_are_users_where_they_are_known(exclusion, of_search, of_recommendation):
    settings = ContrastiveSettings(negative_exclusion=exclusion)
    assert owner_key(search_spec(), settings) == of_search
    assert owner_key(recommendation_spec(), settings) == of_recommendation


def test_excluding_unknown_users_is_refused():
    settings = ContrastiveSettings(negative_exclusion="user")
    assert owner_key(search_spec(), settings) == "user_id"
    with pytest.raises(ValueError, match="`negative_exclusion` must be auto, session or none"):
        owner_key(recommendation_spec(), settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contrastive_weight", -0.1),
        ("contrastive_weight", float("inf")),
        ("mask_probability", 1.0),
        ("augmentation", "drop"),
        ("crop_share", 0.0),
        ("reorder_share", 1.1),
        ("negatives", 0),
        ("negative_exclusion", "users"),
        ("contrastive_stop_gradient", "both"),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        ContrastiveSettings(**{name: value})
