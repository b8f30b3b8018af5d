import dataclasses

import numpy as np
import pytest

from ranking.features.spec import SESSION, Field
from ranking.metrics.ranked_sessions import RankedSessions
from ranking.metrics.session_metrics import session_metrics
from ranking.training.flat_batch import flat_batch
from ranking.training.segments import Segmentation
from ranking.training.session_rows import SessionRows, segment_names
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec

EXPERTS = 3


def _scores(batch):
    hint = np.nan_to_num(batch["candidates_click_probability"], nan=0.9)
    return {"click": hint, "order": np.round(hint, 1)}


def _columns(batch, spec=None, gate=None, scores=_scores, folder=None):
    spec = spec or evaluation_spec()
    flat = flat_batch(scores(batch), batch, spec)
    segmentation = Segmentation(spec)
    codes = {name: of[flat.present] for name, of in segmentation.codes(batch).items()}
    metrics = {
        task: session_metrics(RankedSessions(given, flat.labels[task], flat.lengths))
        for task, given in flat.scores["model"].items()
    }
    segments = segment_names(segmentation, codes)
    rows = SessionRows(spec, folder)
    return rows.columns(batch, flat, segments=segments, metrics=metrics, gate=gate)


def _first_positives(batch):
    """The first clicked candidate of each session, else the first; padding sessions left out."""
    found = []
    for row, length in enumerate(batch["candidates_length"]):
        clicked = [n for n in range(length) if batch["labels_click"][row, n] > 0]
        if length:
            found.append((row, clicked[0] if clicked else 0))
    return found


@pytest.fixture(scope="module")
def batch():
    return encoded_batch(61, seed=5, empty=3)


def test_a_row_for_each_session_and_every_column(batch):
    columns = _columns(batch)
    names = ("session_auc", "auc_at_10", "auc_at_10_skip", "ndcg", "ndcg_at_10")
    assert list(columns) == [
        "session_id",
        "history",
        *(f"segment.{name}" for name in ("history", "category", "scenario", "city")),
        *(f"click.{name}" for name in (*names, "scores", "labels")),
        *(f"order.{name}" for name in (*names, "scores", "labels")),
        "target_item_in_history",
        "target_category_in_history",
    ]
    assert {len(values) for values in columns.values()} == {61}
    assert columns["history"].dtype == np.int64
    assert columns["history"].tolist() == batch["behaviors_length"][:61].tolist()


def test_text_is_text(batch):
    columns = _columns(batch)
    assert columns["session_id"].tolist() == [f"5-{number}" for number in range(61)]
    cities = [city.decode() or "unknown" for city in batch["city"][:61]]
    assert columns["segment.city"].tolist() == cities
    assert columns["session_id"].dtype.kind == columns["segment.city"].dtype.kind == "U"
    assert set(columns["segment.scenario"].tolist()) == {"search", "recommendation", "unknown"}


def test_scores_and_labels_are_those_of_the_candidates(batch):
    columns = _columns(batch)
    for row, (scores, labels) in enumerate(
        zip(columns["order.scores"].to_pylist(), columns["order.labels"].to_pylist(), strict=True)
    ):
        length = batch["candidates_length"][row]
        np.testing.assert_array_equal(labels, batch["labels_order"][row, :length])
        expected = _scores(batch)["order"][row, :length].astype(np.float32)
        np.testing.assert_array_equal(np.float32(scores), expected)


def test_a_sessions_gate_is_kept(batch):
    gate = np.random.default_rng(1).random((64, EXPERTS)).astype(np.float32)
    found = np.array(_columns(batch, gate=gate)["gate"].to_pylist(), np.float32)
    np.testing.assert_array_equal(found, gate[:61])


def test_of_candidates_gates_that_of_the_first_positive_is_kept(batch):
    gate = np.random.default_rng(1).random((64, 13, EXPERTS)).astype(np.float32)
    batch = batch | {"labels_click": np.where(np.isnan(batch["labels_click"]), 1, 0).astype("f4")}
    batch["labels_click"][3:50, 2] = 1
    batch["labels_click"][7:, 0] = 1
    found = np.array(_columns(batch, gate=gate)["gate"].to_pylist(), np.float32)
    expected = [gate[row, target] for row, target in _first_positives(batch)]
    np.testing.assert_array_equal(found, expected)
    assert {target for _, target in _first_positives(batch)} == {0, 2}


def test_targets_are_looked_up_in_the_history(batch):
    batch = batch | {"behaviors_category": batch["behaviors_category"].copy()}
    batch["behaviors_category"][np.arange(17) >= batch["behaviors_length"][:, None]] = 5
    expected = []
    for row, target in _first_positives(batch):
        category = batch["candidates_category"][row, target]
        history = batch["behaviors_category"][row, : batch["behaviors_length"][row]]
        expected.append(bool(category > 1 and category in history))
    columns = _columns(batch)
    assert columns["target_category_in_history"].tolist() == expected
    assert columns["target_item_in_history"].tolist() == expected  # the item is its category here
    assert 5 < sum(expected) < 56


def test_columns_need_their_roles(batch):
    columns = _columns(batch, evaluation_spec(category=None, session_id=None))
    assert "session_id" not in columns and "target_category_in_history" not in columns
    assert "target_item_in_history" in columns and "segment.category" not in columns


def test_ids_are_called_by_their_values(batch):
    columns = _columns(batch, evaluation_spec(user_id="scenario"))
    assert columns["user_id"].tolist() == columns["segment.scenario"].tolist()


def test_an_unknown_user_is_called_so_whatever_users_are_called(batch):
    spec = evaluation_spec(user_id="scenario")
    values = ("unknown", *spec.tables["scenario"].values[1:])
    table = dataclasses.replace(spec.tables["scenario"], values=values)
    spec = dataclasses.replace(spec, tables={**spec.tables, "scenario": table})
    scenarios = np.where(np.arange(64) < 3, 1, 3).astype(np.int32)
    columns = _columns(batch | {"scenario": scenarios}, spec)
    assert columns["user_id"].tolist() == ["unknown"] * 3 + [values[1]] * 58


def test_ids_that_their_table_lacks_are_called_by_their_texts(batch):
    scenarios = batch["scenario"].copy()
    scenarios[:3] = 1
    texts = np.full(64, b"", object)
    texts[1] = "Straße".encode()
    changed = batch | {"scenario": scenarios, "scenario/unknown": texts}
    columns = _columns(changed, evaluation_spec(user_id="scenario"))
    names = columns["segment.scenario"].tolist()
    assert columns["user_id"].tolist() == ["unknown", "Straße", *names[2:]]
    assert names[1] == names[2] == "unknown"


def test_numbers_stay_numbers(batch):
    spec = evaluation_spec(user_id="user")
    user = Field("user", SESSION, "metadata", "int64")
    spec = dataclasses.replace(spec, session=(*spec.session, user))
    columns = _columns(batch | {"user": np.arange(64) * 7}, spec)
    assert columns["user_id"].tolist() == [7 * number for number in range(61)]
