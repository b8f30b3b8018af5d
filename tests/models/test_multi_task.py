import keras
import numpy as np
import pytest

from ranking.models.multi_task import multi_task_networks, resolve_tasks, task_terms
from tests.helpers.model_spec import search_spec

LENGTHS = np.array([2, 0, 3])
LABELS = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1]], "float32")
LOGITS = np.array([[0.3, -1.1, np.nan], [np.nan] * 3, [2.0, -0.7, 0.1]], "float32")


def _loss(logit, label):
    return np.log1p(np.exp(-logit)) if label else np.log1p(np.exp(logit))


def test_all_labels_are_tasks_unless_some_are_named():
    assert resolve_tasks(search_spec(), ()) == ("click", "order")
    assert resolve_tasks(search_spec(), ("order",)) == ("order",)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [(("oder",), "must name labels .* Did you mean"), (("click", "click"), "each label once")],
)
def test_tasks_that_do_not_fit_are_refused(tasks, message):
    with pytest.raises(ValueError, match=message):
        resolve_tasks(search_spec(), tasks)


def test_a_term_for_each_task_over_all_rows():
    terms = task_terms("ranking", ("click", "order"), None, "scenario")
    assert [term.name for term in terms] == ["ranking_click", "ranking_order"]
    outputs = {"logits_click": LOGITS, "logits_order": -LOGITS}
    batch = {"labels_click": LABELS, "labels_order": 1 - LABELS, "candidates_length": LENGTHS}
    for term, sign in zip(terms, (1, -1), strict=True):
        total, count = term.function(outputs, batch)
        places = [(b, c) for b, length in enumerate(LENGTHS) for c in range(length)]
        expected = sum(_loss(sign * LOGITS[p], LABELS[p] == (sign > 0)) for p in places)
        np.testing.assert_allclose([float(total), float(count)], [expected, 5], rtol=1e-5)


def test_a_term_for_each_scenario_counts_its_rows_alone():
    terms = task_terms(
        "global",
        ("click",),
        range(2, 4),
        "scenario",
        logits="global_logits",
        labels="_global",
        weight=0.5,
    )
    assert [(term.name, term.weight) for term in terms] == [
        ("global_click_2", 0.5),
        ("global_click_3", 0.5),
    ]
    batch = {
        "labels_click_global": LABELS,
        "candidates_length": LENGTHS,
        "scenario": np.array([3, 2, 2]),
    }
    for term, row in zip(terms, (2, 0), strict=True):
        total, count = term.function({"global_logits_click": LOGITS}, batch)
        expected = sum(_loss(LOGITS[row, c], LABELS[row, c]) for c in range(LENGTHS[row]))
        np.testing.assert_allclose([float(total), float(count)], [expected, LENGTHS[row]], 1e-5)


def test_networks_score_every_task_and_nothing_at_padding():
    inputs = {
        "a": keras.Input((2,), name="a"),
        "b": keras.Input((2,), name="b"),
        "mask": keras.Input((2,), dtype="bool", name="mask"),
    }
    networks = multi_task_networks(
        inputs,
        {"click": inputs["a"], "order": inputs["b"]},
        inputs["mask"],
        gate_refusal="There is no gate.",
        losses=task_terms("ranking", ("click",), None, ""),
        outputs={"extra": inputs["a"]},
        label_keys=["labels_click_global"],
    )
    batch = {
        "a": np.array([[0.0, np.nan]], "float32"),
        "b": np.array([[np.log(3.0), 1.0]], "float32"),
        "mask": np.array([[True, False]]),
    }
    found = networks.score(batch)
    np.testing.assert_allclose(found["click"], [[0.5, 0.0]])
    np.testing.assert_allclose(found["order"], [[0.75, 0.0]], rtol=1e-6)
    assert set(networks.training.output) == {"logits_click", "logits_order", "extra"}
    assert networks.tasks == ("click", "order")
    assert networks.label_keys == ("labels_click_global",)
