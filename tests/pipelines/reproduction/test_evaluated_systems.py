"""Evaluations of many runs, put side by side."""

import json
import shutil

import numpy as np
import pytest

from pipelines.reproduction.evaluated_run import ONE_NEGATIVE, auc_against_first_negative
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.systems import SYSTEMS
from ranking.training.session_file import SessionFile
from tests.helpers.fake_runs import SESSIONS, fake_run


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    fake_run(folder, "din", 2)
    fake_run(folder, "din", 1, order=5)
    fake_run(folder, "dnn", 1, order=7)
    return folder


def test_runs_are_found_by_name_in_the_order_of_the_paper(runs):
    (runs / "notes").mkdir()
    fake_run(runs, "aw_moe_cl-negatives=5", 1)
    systems = read_evaluated(runs, "made-up", SYSTEMS)
    assert {name: list(seeds) for name, seeds in systems.runs.items()} == {
        "dnn": [1],
        "din": [1, 2],
        "aw_moe_cl-negatives=5": [1],
    }
    assert systems.simulated and len(systems.sessions) == SESSIONS


def test_sessions_are_matched_by_id_whatever_their_order(runs):
    systems = read_evaluated(runs, "made-up", SYSTEMS)
    for run in systems.all_runs:
        file = SessionFile(run.sessions_path)
        by_id = dict(zip(file.column("session_id"), file.column("click.session_auc"), strict=True))
        expected = [by_id[each] for each in systems.sessions.ids]
        np.testing.assert_array_equal(run.metrics["session_auc"], expected)
        users = dict(zip(file.column("session_id"), file.column("user_id"), strict=True))
        assert list(systems.sessions.users) == [users[each] for each in systems.sessions.ids]


def test_one_negative_is_the_first_of_the_record():
    chance = np.random.default_rng(3)
    lengths = chance.integers(1, 8, size=113)
    labels = chance.integers(0, 2, size=lengths.sum()).astype(np.float32)
    scores = chance.integers(0, 4, size=lengths.sum()).astype(np.float32)
    expected, start = [], 0
    for length in lengths:
        pairs = list(
            zip(scores[start : start + length], labels[start : start + length], strict=True)
        )
        negatives = [score for score, label in pairs if not label]
        won = [
            1.0 if score > negatives[0] else 0.5 if score == negatives[0] else 0.0
            for score, label in pairs
            if label and negatives
        ]
        expected.append(sum(won) / len(won) if won else np.nan)
        start += length
    found = auc_against_first_negative(scores, labels, lengths)
    np.testing.assert_allclose(found, expected)
    assert 0 < np.isnan(found).sum() < 113


def test_one_negative_is_among_the_metrics(runs):
    run = read_evaluated(runs, "made-up", SYSTEMS).runs["din"][2]
    values = run.metrics[ONE_NEGATIVE]
    assert values.shape == (SESSIONS,) and 0.4 < np.nanmean(values) < 0.9


def test_evaluations_of_the_program_serve_where_training_left_none(runs):
    path = runs / "dnn-seed1" / "sessions-test.parquet"
    path.rename(path.with_name("sessions-made-up-test.parquet"))
    assert "dnn" in read_evaluated(runs, "made-up", SYSTEMS).runs
    systems = read_evaluated(runs, "other-data", SYSTEMS)
    assert "dnn" not in systems.runs and systems.unevaluated == (runs / "dnn-seed1",)


def test_unfinished_runs_are_left_out(runs):
    (runs / "dnn-seed1" / "metrics.json").unlink()
    systems = read_evaluated(runs, "made-up", SYSTEMS)
    assert "dnn" not in systems.runs and systems.unevaluated == ()


def test_nothing_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="runs must hold evaluated runs, named <system>-seed<k>"):
        read_evaluated(tmp_path / "runs", "made-up", SYSTEMS)


def _other_sessions(runs):
    shutil.rmtree(runs / "din-seed2")
    fake_run(runs, "din", 2, data_seed=9)


def _other_settings(runs):
    shutil.rmtree(runs / "din-seed2")
    fake_run(runs, "din", 2, changed={"dropout": "0.5", "epochs": "9"})


def _other_name(runs):
    fake_run(runs, "aw_moe_cl", 1)
    (runs / "aw_moe_cl-seed1").rename(runs / "aw_moe_gu-seed1")


def _other_seed(runs):
    (runs / "din-seed2").rename(runs / "din-seed4")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_other_sessions, "din-seed2/sessions-test.parquet must be of the same 211 sessions"),
        (_other_settings, "as seeds of one system. Different: dropout, epochs."),
        (_other_name, "the system `aw_moe_gu`, which has gate_activation_unit=False"),
        (_other_seed, "which has seed=4. Received: seed=2"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(runs, damage, message):
    damage(runs)
    with pytest.raises(ValueError, match=message):
        read_evaluated(runs, "made-up", SYSTEMS)


def test_a_file_that_is_none_is_one_clear_error(runs):
    (runs / "din-seed2" / "sessions-test.parquet").write_text(json.dumps({}))
    with pytest.raises(ValueError, match="must be the file of an evaluation's sessions"):
        read_evaluated(runs, "made-up", SYSTEMS)
