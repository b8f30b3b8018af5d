import numpy as np

from ranking.training.occurrence import occurs_in_history
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec


def test_it_agrees_with_a_loop_whatever_padding_holds():
    batch = encoded_batch(97, seed=3)
    beyond = np.arange(17) >= batch["behaviors_length"][:, None]
    batch["behaviors_category"][beyond] = 7
    found = occurs_in_history(batch, evaluation_spec(), "category")
    for row, candidates in enumerate(batch["candidates_category"]):
        seen = batch["behaviors_category"][row, : batch["behaviors_length"][row]]
        expected = [bool(candidate > 1 and candidate in seen) for candidate in candidates]
        assert found[row].tolist() == expected
    assert found.any() and not found.all()


def test_the_unknown_id_stands_for_nothing():
    batch = {
        "behaviors_category": np.array([[1, 0, 5]]),
        "behaviors_length": np.array([3]),
        "candidates_category": np.array([[1, 5, 0]]),
    }
    found = occurs_in_history(batch, evaluation_spec(), "category")
    assert found.tolist() == [[False, True, False]]


def test_a_batch_without_behaviors_holds_nothing():
    batch = {
        "behaviors_category": np.zeros((2, 0), np.int32),
        "behaviors_length": np.zeros(2, np.int32),
        "candidates_category": np.full((2, 3), 5),
    }
    assert not occurs_in_history(batch, evaluation_spec(), "category").any()
