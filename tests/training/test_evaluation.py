import dataclasses
import math

import numpy as np
import pytest

from ranking.training.evaluation import evaluate
from ranking.training.session_file import SessionFile, SessionFileWriter
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec
from tests.helpers.metric_oracles import loop_auc

COUNTS = {
    "sessions",
    "sessions_with_auc",
    "sessions_with_positive",
    "candidates",
    "positives",
}
NUMBERS = {
    "session_auc",
    "session_auc_micro",
    "auc_at_10",
    "auc_at_10_skip",
    "ndcg",
    "ndcg_at_10",
    "auc",
    "log_loss",
    "pcoc",
    "ece",
}


def _score(batch):
    """A model that knows something; like a network, it gives padding scores too."""
    hint = np.nan_to_num(batch["candidates_click_probability"], nan=0.9)
    return {"order": 0.5 * hint, "click": np.round(0.8 * hint + 0.1, 1)}


def _evaluate(batches, **roles):
    return evaluate(_score, batches, evaluation_spec(**roles))


def _sessions(batches, task="click"):
    """(score, label) of each candidate of each session."""
    found = []
    for batch in batches:
        scores = _score(batch)[task].astype(np.float32)
        for row, length in enumerate(batch["candidates_length"]):
            labels = batch[f"labels_{task}"][row, :length]
            found.append(list(zip(scores[row, :length], labels, strict=True)))
    return [session for session in found if session]


@pytest.fixture(scope="module")
def batches():
    return [encoded_batch(31, 1), encoded_batch(29, 2, candidates=7), encoded_batch(5, 3, empty=3)]


@pytest.fixture(scope="module")
def evaluation(batches):
    return _evaluate(batches)


def test_every_task_has_every_segment_and_every_number(evaluation):
    metrics = evaluation.metrics()
    segments = {
        "all",
        *(f"history={name}" for name in ("0", "1-3", "4-10", ">10")),
        *(f"scenario={name}" for name in ("search", "recommendation", "unknown")),
        *(f"category={name}" for name in ("new", "old")),
        *(f"city={name}" for name in ("Oslo", "Århus", "unknown")),
    }
    assert list(metrics) == ["click", "order"]
    for task in metrics.values():
        assert set(task) == segments
        assert all(set(metrics) == COUNTS | NUMBERS for metrics in task.values())


def test_session_auc_is_the_mean_over_sessions(evaluation, batches):
    aucs = [loop_auc(session) for session in _sessions(batches)]
    known = [auc for auc in aucs if not math.isnan(auc)]
    metrics = evaluation.metrics()["click"]["all"]
    assert metrics["session_auc"] == pytest.approx(sum(known) / len(known), rel=1e-12)
    assert (metrics["sessions"], metrics["sessions_with_auc"]) == (len(aucs), len(known))


def test_segments_of_a_dimension_add_up(evaluation):
    for task in evaluation.metrics().values():
        for dimension in ("history", "scenario", "category", "city"):
            parts = [part for name, part in task.items() if name.startswith(f"{dimension}=")]
            for count in COUNTS:
                assert sum(part[count] for part in parts) == task["all"][count]


def test_a_segment_is_what_its_sessions_give_alone(evaluation, batches):
    alone = []
    for batch in batches:
        chosen = (batch["scenario"] == 2) & (batch["candidates_length"] > 0)
        alone.append({key: values[chosen] for key, values in batch.items()})
    expected = _evaluate(alone).metrics()["click"]["all"]
    assert evaluation.metrics()["click"]["scenario=search"] == pytest.approx(expected, rel=1e-12)


def test_batching_and_padding_sessions_never_matter(evaluation, batches):
    small = [
        {key: values[row : row + 1] for key, values in batch.items()}
        for batch in batches
        for row in range(len(batch["scenario"]))
    ]
    expected = _leaves(evaluation.document())
    assert len(expected) > 300
    assert _leaves(_evaluate(small).document()) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def _leaves(document, path=""):
    """The numbers of nested dictionaries by where they stand."""
    if not isinstance(document, dict):
        return {path: document}
    return {
        k: v for name, part in document.items() for k, v in _leaves(part, f"{path}/{name}").items()
    }


def test_oracle_scores_with_the_true_probabilities(evaluation, batches):
    def true_scores(batch):
        return {"click": batch["candidates_click_probability"]}

    expected = evaluate(true_scores, batches, evaluation_spec()).metrics()
    np.testing.assert_equal(evaluation.references()["oracle"], expected)


def test_popularity_ranks_but_promises_nothing(evaluation, batches):
    def popularity(batch):
        return {"order": batch["candidates_popularity"] / 5}

    expected = evaluate(popularity, batches, evaluation_spec()).metrics()["order"]["all"]
    metrics = evaluation.references()["popularity"]["order"]["all"]
    ranked = ("session_auc", "auc_at_10", "ndcg", "auc", "sessions")
    assert [metrics[name] for name in ranked] == [expected[name] for name in ranked]
    assert all(math.isnan(metrics[name]) for name in ("log_loss", "pcoc", "ece"))


def test_items_of_unknown_popularity_come_last():
    batch = encoded_batch(1, 1, candidates=2) | {"candidates_length": np.array([2])}
    batch["candidates_popularity"] = np.array([[np.nan, -7.0]], np.float32)
    batch["candidates_click_probability"] = np.array([[0.5, 0.5]], np.float32)
    batch["labels_click"] = np.array([[0.0, 1.0]], np.float32)
    batch["labels_order"] = np.array([[0.0, 0.0]], np.float32)
    references = _evaluate([batch]).references()
    assert references["popularity"]["click"]["all"]["session_auc"] == 1.0


def test_references_need_their_roles(batches):
    assert _evaluate(batches, popularity=None, oracle={}).references() == {}


def test_report_puts_references_beside_the_model(evaluation):
    segment = evaluation.report()["click"]["category=old"]
    assert (
        segment["references"]["oracle"]
        == (evaluation.references()["oracle"]["click"]["category=old"])
    )
    assert set(evaluation.report()["order"]["all"]["references"]) == {"popularity"}


def test_document_names_tasks_only_where_there_are_several(evaluation, batches):
    single = evaluate(lambda batch: {"click": _score(batch)["click"]}, batches, evaluation_spec())
    np.testing.assert_equal(single.document(), single.report()["click"])
    np.testing.assert_equal(evaluation.document(), evaluation.report())


@pytest.mark.parametrize("experts", [None, 3])
def test_every_session_has_a_row_in_their_order(batches, tmp_path, experts):
    def score(batch):
        rows = len(batch["scenario"])
        gate = {} if experts is None else {"gate": np.full((rows, experts), rows / 7)}
        return _score(batch) | gate

    with SessionFileWriter(tmp_path / "sessions.parquet", {"model": "hint"}) as writer:
        evaluation = evaluate(score, batches, evaluation_spec(), sessions=writer)
    file = SessionFile(tmp_path / "sessions.parquet")
    numbers = [f"{seed}-{n}" for seed, size in ((1, 31), (2, 29), (3, 5)) for n in range(size)]
    assert file.column("session_id").tolist() == numbers
    aucs = [loop_auc(session) for session in _sessions(batches)]
    np.testing.assert_allclose(file.column("click.session_auc"), aucs, rtol=1e-12)
    scores = [score for session in _sessions(batches, "order") for score, _ in session]
    np.testing.assert_array_equal(file.lists("order.scores")[0], scores)
    assert file.tasks == ("click", "order")
    assert ("gate" in file) == (experts is not None)
    if experts is not None:
        expected = np.repeat([31 / 7, 29 / 7, 8 / 7], [31, 29, 5]).astype(np.float32)
        np.testing.assert_array_equal(file.gates(), np.stack([expected] * 3, axis=1))
    np.testing.assert_equal(evaluation.document(), _evaluate(batches).document())


def test_rows_add_up_to_the_segments(evaluation, batches, tmp_path):
    with SessionFileWriter(tmp_path / "sessions.parquet", {}) as writer:
        evaluate(_score, batches, evaluation_spec(), sessions=writer)
    file = SessionFile(tmp_path / "sessions.parquet")
    metrics = evaluation.metrics()["order"]
    for dimension in file.dimensions:
        names = file.column(f"segment.{dimension}")
        for name in set(names):
            values = file.column("order.ndcg")[names == name]
            expected = metrics[f"{dimension}={name}"]
            assert len(values) == expected["sessions"]
            assert np.mean(values[~np.isnan(values)]) == pytest.approx(expected["ndcg"], rel=1e-12)


def test_batches_of_padding_alone_are_left_out(evaluation, batches):
    found = _evaluate([encoded_batch(0, 1, empty=3), *batches])
    np.testing.assert_equal(found.document(), evaluation.document())


def test_a_task_may_be_called_gate():
    spec = evaluation_spec(oracle={})
    spec = dataclasses.replace(spec, labels=(dataclasses.replace(spec.labels[0], name="gate"),))
    batch = encoded_batch(31, 1)
    batch["labels_gate"] = batch.pop("labels_click")
    metrics = evaluate(lambda batch: {"gate": _score(batch)["click"]}, [batch], spec).metrics()
    assert set(metrics) == {"gate"}


@pytest.mark.parametrize("nothing", [[], [encoded_batch(0, 1, empty=3)]])
def test_an_empty_split_is_one_clear_error(nothing):
    with pytest.raises(ValueError, match="no session to evaluate: the split is empty"):
        _evaluate(nothing)
