import keras
import numpy as np
import pytest

from ranking.models.embedded_session import embed_session
from ranking.models.input_network import InputSettings, impression_vectors
from tests.helpers.model_spec import encoded_batch, recommendation_spec, search_spec

H = 5


def constant_user(behaviors, target, behaviors_mask):
    return keras.ops.full((5, H), 7.0)


def vectors(spec, batch, **changes):
    keras.utils.set_random_seed(3)
    session = embed_session(spec, batch)
    settings = InputSettings(**({"hidden_size": H} | changes))
    return np.asarray(impression_vectors(session, settings, constant_user))


@pytest.mark.parametrize(
    ("spec", "parts"), [(search_spec(), 4), (recommendation_spec(), 3)], ids=["query", "no query"]
)
def test_an_impression_joins_user_target_query_and_others(spec, parts):
    assert vectors(spec, encoded_batch(spec)).shape == (5, 3, parts * H)


def test_each_part_stands_at_its_place_and_reads_its_fields():
    spec, batch = search_spec(), encoded_batch(search_spec())
    before = vectors(spec, batch)[0]
    assert (before[:, :H] == 7).all()
    fields = {"candidates_item": 1, "query": 2, "candidates_price": 3, "spend": 3, "grade": 3}
    for key, part in fields.items():
        changed = batch | {key: np.abs(batch[key] - 1)}  # Ids stay rows of their table.
        if key == "query":
            changed["query_length"] = np.full_like(batch["query_length"], 3)
        differs = np.abs(vectors(spec, changed)[0] - before).reshape(3, 4, H).max(axis=(0, 2)) > 0
        assert np.flatnonzero(differs).tolist() == [part], key


def test_a_query_of_nothing_is_a_learned_vector():
    spec, batch = search_spec(), encoded_batch(search_spec())
    batch["query_length"][:] = 0
    session = embed_session(spec, batch)
    np.testing.assert_array_equal(session.query, np.zeros((5, 2)))
    # With biases of zero, as at the start, this vector is zeros too.
    assert (vectors(spec, batch)[:, :, 2 * H : 3 * H] == 0).all()


def test_what_a_session_says_is_the_same_for_all_its_candidates():
    query = vectors(search_spec(), encoded_batch(search_spec()))[0, :, 2 * H : 3 * H]
    np.testing.assert_array_equal(query, np.broadcast_to(query[:1], query.shape))
