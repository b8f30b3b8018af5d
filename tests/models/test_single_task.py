import keras
import numpy as np
import pytest

from ranking.models.single_task import ranking_term, resolve_task, score_network
from tests.helpers.model_spec import search_spec


def test_the_first_label_is_the_task_unless_another_is_named():
    assert resolve_task(search_spec(), "") == "click"
    assert resolve_task(search_spec(), "order") == "order"


def test_an_unknown_task_is_answered_with_near_names():
    with pytest.raises(ValueError, match="`task` must be a label .* task='oder'. Did you mean"):
        resolve_task(search_spec(), "oder")


def test_probabilities_are_zero_at_padding_even_if_logits_are_none():
    inputs = {
        "logits": keras.Input((2,), name="logits"),
        "mask": keras.Input((2,), dtype="bool", name="mask"),
    }
    network = score_network("click", inputs, inputs["logits"], inputs["mask"])
    logits = np.array([[0.0, np.nan]], "float32")
    found = network({"logits": logits, "mask": np.array([[True, False]])})
    np.testing.assert_array_equal(found["click"], [[0.5, 0.0]])


def test_the_ranking_term_adds_up_the_cross_entropy_of_its_task():
    logits = np.array([[0.3, -1.1, 7.0]], "float32")
    batch = {"labels_order": np.array([[1.0, 0.0, 1.0]]), "candidates_length": np.array([2])}
    total, count = ranking_term("order").function({"logits_order": logits}, batch)
    expected = np.log(1 + np.exp(-0.3)) + np.log(1 + np.exp(-1.1))
    np.testing.assert_allclose([float(total), float(count)], [expected, 2], rtol=1e-6)
