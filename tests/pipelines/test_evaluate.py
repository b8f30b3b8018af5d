import dataclasses
import io

import pytest
from rich.console import Console

from pipelines.evaluate import evaluate_run
from pipelines.metrics_table import print_evaluation
from ranking.features.preparation import prepare
from ranking.models.catalog import MODELS, build
from ranking.sources.session_source import SessionSource
from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.run_folder import Run, open_run, start_run
from ranking.training.settings import TrainingSettings
from tests.helpers.small_spec import small_sessions, small_spec

pytestmark = pytest.mark.slow


def _prepared(folder, sessions, seed):
    spec = small_spec()
    splits = {
        split: lambda seed=seed: iter([small_sessions(spec, sessions, seed)])
        for seed, split in enumerate(("train", "test"), seed)
    }
    return prepare(spec, SessionSource(splits, simulated=True, description={}), folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an untrained model."""
    folder = tmp_path_factory.mktemp("evaluate")
    data = _prepared(folder / "data", 97, seed=1)
    entry = MODELS["dnn"]
    run = Run(
        folder=folder / "run",
        model="dnn",
        model_settings=entry.settings_class(),
        training=TrainingSettings(),
        seed=1,
        data=data.folder,
        simulated=True,
        spec=data.spec,
    )
    start_run(run, data)
    Checkpoints(run.checkpoints, build("dnn", run.spec, run.model_settings).training).save(
        Progress()
    )
    return open_run(run.folder)


def _evaluated(run, data, split="test"):
    return evaluate_run(Console(file=io.StringIO()), run, data, split)


def test_every_session_of_the_split_is_evaluated_once(run, tmp_path):
    data = _prepared(tmp_path / "data", 61, seed=5)
    evaluation = _evaluated(run, data)
    metrics = evaluation.metrics()["click"]
    assert metrics["all"]["sessions"] == 61
    assert metrics["all"]["candidates"] == data.manifest.splits["test"].candidates
    assert metrics["all"]["positives"] == data.manifest.splits["test"].positives["click"]
    assert {name for name in metrics if name.startswith("grade=")} == {
        "grade=7",
        "grade=11",
        "grade=13",
    }
    assert {"city=Oslo", "city=Århus", "city=東京"} <= set(metrics)
    console = Console(file=io.StringIO(), width=120)
    print_evaluation(console, evaluation, run, "test")
    assert "click by dnn on small, test split, simulated data" in console.file.getvalue()


def test_data_with_other_fields_are_refused(run, tmp_path):
    data = _prepared(tmp_path / "data", 61, seed=5)
    session = tuple(field for field in data.spec.session if field.name != "visits")
    other = dataclasses.replace(data, spec=dataclasses.replace(data.spec, session=session))
    with pytest.raises(ValueError, match="was trained with. Different: visits. Prepare the data"):
        _evaluated(run, other)


def test_an_unknown_split_is_one_clear_error(run, tmp_path):
    data = _prepared(tmp_path / "data", 61, seed=5)
    with pytest.raises(ValueError, match="has no split `tset`"):
        _evaluated(run, data, "tset")
