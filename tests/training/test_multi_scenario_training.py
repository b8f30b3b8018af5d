"""Every backbone, by itself and within USR, from prepared sessions to evaluated checkpoints."""

import dataclasses
import math

import numpy as np
import pytest

from ranking.features.preparation import prepare
from ranking.features.spec_reader import read_spec
from ranking.models.catalog import model_entry
from ranking.settings_parser import apply_overrides
from ranking.sources.catalog import open_source
from ranking.training.run_folder import Run
from ranking.training.settings import TrainingSettings
from ranking.training.trainer import load_networks
from tests.helpers.small_runs import started

SESSIONS = {"train_sessions": "120", "validation_sessions": "60", "test_sessions": "40"}
BACKBONES = ("shared_bottom", "mmoe", "ple", "star", "m2m", "apg", "aw_moe")
SMALL = {"embedding_size": "8", "feature_size": "3", "backbone_hidden_sizes": "16,12,8"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    spec = read_spec("feature_specs/demo.yaml")
    source = open_source("simulator", spec, None, SESSIONS, 0)
    return prepare(spec, source, tmp_path_factory.mktemp("demo") / "data", shards=2)


def _run(folder, data, model, **overrides):
    settings = apply_overrides(model_entry(model).settings_class(), {**SMALL, **overrides})
    training = TrainingSettings(
        learning_rate=0.01, batch_size=400, epochs=1, negatives_per_positive=None
    )
    return Run(folder, model, settings, training, 3, data.folder, True, data.spec)


def _trained(run, data):
    trainer = started(run, data)
    trainer.train(lambda progress, values: None)
    return trainer


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ple", "aw_moe_backbone"])
def test_backbones_train_by_themselves(tmp_path, data, model):
    _check(_run(tmp_path / "run", data, model), data)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_usr_trains_around_every_backbone(tmp_path, data, backbone):
    _check(_run(tmp_path / "run", data, "usr", backbone=backbone), data)


def _check(run, data):
    trainer = _trained(run, data)
    (entry,) = trainer.checkpoints.restore_newest().history
    assert all(math.isfinite(value) for value in entry.values())
    for term in trainer.networks.losses:
        assert term.name in entry
    aucs = [entry["validation_session_auc"], entry["validation_order_session_auc"]]
    assert trainer.checkpoints.restore_newest().best_value == pytest.approx(np.mean(aucs))
    metrics = trainer.evaluate("test").metrics()
    assert set(metrics) == {"click", "order"}
    for task in metrics:
        assert 0 < metrics[task]["scenario=search"]["auc"] < 1
    weights = load_networks(run).training.get_weights()
    for found, expected in zip(weights, trainer.networks.training.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_moving_statistics_differ_by_scenario_and_evaluation_reads_them(tmp_path, data):
    trainer = _trained(_run(tmp_path / "run", data, "star"), data)
    moving = {
        variable.path: variable
        for variable in trainer.networks.training.non_trainable_variables
        if "moving" in variable.path
    }
    assert moving
    for path, variable in moving.items():
        search, recommendation = np.asarray(variable.value)
        assert not np.allclose(search, recommendation), path
    before = trainer.evaluate("test").metrics()["click"]
    variable = next(variable for path, variable in moving.items() if "variance" in path)
    variable.assign(variable.value * np.array([[9.0], [1.0]], "float32"))
    after = trainer.evaluate("test").metrics()["click"]
    names = ("scenario=search", "scenario=recommendation")
    assert [before[name] == after[name] for name in names] == [False, True]


@pytest.mark.parametrize("asked", [None, True])
def test_batches_are_fair_samples_unless_they_shall_be_of_one_size(
    tmp_path, data, monkeypatch, asked
):
    run = _run(tmp_path / "run", data, "mmoe")
    changes = {} if asked is None else {"batch_by_size": asked}
    training = dataclasses.replace(run.training, **changes)
    seen = {}
    monkeypatch.setattr(
        "ranking.training.training_input.training_batches", lambda *_, **given: seen.update(given)
    )
    trainer = started(dataclasses.replace(run, training=training), data)
    trainer.input.batches(0, 0)
    assert seen["by_size"] is bool(asked)
