import numpy as np
import pytest

from ranking.models.embedded_session import embed_session
from tests.helpers.model_spec import (
    ITEM_WIDTH,
    QUERY_WIDTH,
    encoded_batch,
    hierarchy_spec,
    recommendation_spec,
    search_spec,
    with_garbage,
)


def embedded(spec, batch):
    return embed_session(spec, {key: np.asarray(value) for key, value in batch.items()})


def test_every_part_has_the_width_of_its_fields():
    session = embedded(search_spec(), encoded_batch(search_spec()))
    assert session.query.shape == (5, QUERY_WIDTH)
    assert session.session_extras.shape == (5, 2 + 1)  # grade, spend
    assert session.behaviors.shape == (5, 7, ITEM_WIDTH)
    assert session.behavior_extras.shape == (5, 7, 2 + 1)  # action, days ago
    assert session.candidates.shape == (5, 3, ITEM_WIDTH)
    assert session.candidate_extras.shape == (5, 3, 1)  # price
    assert session.category.shape == (5, 3, 3)


def test_parts_without_fields_are_none():
    session = embedded(recommendation_spec(), encoded_batch(recommendation_spec()))
    assert session.query is session.session_extras is session.behavior_extras is None
    assert session.category is None
    assert [part.shape[-1] for part in session.behavior_parts] == [ITEM_WIDTH]
    assert [part.shape[-1] for part in session.other_parts] == [1]


def test_a_parent_category_is_that_of_its_field_where_it_is_known():
    spec, batch = hierarchy_spec(), encoded_batch(hierarchy_spec())
    batch["candidates_department"][0] = [1, 5, 7]  # The first one is unknown.
    session = embedded(spec, batch)
    assert session.parent_category.shape == (5, 3, 3)
    np.testing.assert_array_equal(session.parent_category_mask[0], [False, True, True])
    assert not (
        np.asarray(session.parent_category_mask) & ~np.asarray(session.candidates_mask)
    ).any()
    session = embedded(search_spec(), encoded_batch(search_spec()))
    assert session.parent_category is session.parent_category_mask is None


def test_masks_follow_the_lengths():
    batch = encoded_batch(search_spec())
    session = embedded(search_spec(), batch)
    for name in ("behaviors", "candidates"):
        mask = np.asarray(getattr(session, f"{name}_mask"))
        np.testing.assert_array_equal(mask.sum(axis=1), batch[f"{name}_length"])
        np.testing.assert_array_equal(mask, np.sort(mask, axis=1)[:, ::-1])


def test_the_same_item_has_the_same_vector_as_behavior_and_as_candidate():
    batch = encoded_batch(search_spec())
    for name in ("item", "category", "topics", "topics_length"):
        batch[f"candidates_{name}"][0, 0] = batch[f"behaviors_{name}"][0, 1]
    session = embedded(search_spec(), batch)
    np.testing.assert_array_equal(session.candidates[0, 0], session.behaviors[0, 1])


def test_item_fields_stand_in_the_order_of_the_role():
    spec = search_spec(item=("topics", "item", "category"))
    session = embedded(spec, encoded_batch(spec))
    category = np.asarray(session.category)
    np.testing.assert_array_equal(np.asarray(session.candidates)[..., -3:], category)


@pytest.mark.parametrize("spec", [search_spec(), recommendation_spec()], ids=lambda spec: spec.name)
def test_padded_positions_are_zeros_whatever_they_held(spec):
    session = embedded(spec, with_garbage(spec, encoded_batch(spec)))
    for name in ("behaviors", "behavior_extras", "candidates", "candidate_extras", "category"):
        vectors = getattr(session, name)
        if vectors is not None:
            mask = session.candidates_mask if name[0] == "c" else session.behaviors_mask
            assert (np.asarray(vectors)[~np.asarray(mask)] == 0).all(), name
