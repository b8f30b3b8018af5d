import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.models.contrastive import (
    ContrastiveSettings,
    behavior_masking,
    contrastive_outputs,
    contrastive_term,
    owner_key,
)
from tests.helpers.model_spec import recommendation_spec, search_spec
from tests.helpers.network_checks import own_settings

CHANCE = np.random.default_rng(5)
SESSIONS, CANDIDATES, EXPERTS = 7, 3, 5
GATE = CHANCE.normal(size=(SESSIONS, EXPERTS)).astype("float32")
MASKED_GATE = CHANCE.normal(size=(SESSIONS, EXPERTS)).astype("float32")
TARGET_GATE = CHANCE.normal(size=(SESSIONS, CANDIDATES, EXPERTS)).astype("float32")
OWNER = np.array([2, 2, 5, 5, 11, 13, 13])
LENGTHS = np.array([3, 2, 1, 3, 1, 2, 0])  # The last session is padding.
MASK = np.arange(CANDIDATES) < LENGTHS[:, None]
BASE = {"experts": EXPERTS, "negatives": 11}
CHANGES = {
    "contrastive_weight": 0.7,
    "mask_probability": 0.3,
    "mask_keep_one": True,
    "negatives": 2,
    "mask_negatives": True,
    "negative_exclusion": "none",
    "positive_in_denominator": False,
    "contrastive_stop_gradient": "masked",
}


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


def fingerprint(**changes):
    """Everything a setting can change."""
    settings = ContrastiveSettings(**(BASE | {"mask_probability": 0.7} | changes))
    keras.utils.set_random_seed(3)
    masking, gate, masked_gate = behavior_masking(settings), tf.constant(GATE), tf.constant(GATE)
    with tf.GradientTape() as tape:
        tape.watch([gate, masked_gate])
        outputs = contrastive_outputs(gate, masked_gate, OWNER, MASK, settings)
        term = contrastive_term(settings)
        total, _ = term.function(outputs, {})
    found = [str(gradient) for gradient in tape.gradient(total, [gate, masked_gate])]
    return [str(masking(MASK, training=True)), term.weight, float(total), *found]


def test_every_setting_changes_something():
    assert set(CHANGES) == own_settings(ContrastiveSettings)
    before = fingerprint()
    assert before == fingerprint()
    for name, value in CHANGES.items():
        assert fingerprint(**{name: value}) != before, name


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
        ("negatives", 0),
        ("negative_exclusion", "users"),
        ("contrastive_stop_gradient", "both"),
    ],
)
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .* Received: {name}="):
        ContrastiveSettings(**{name: value})
