import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
from rich.console import Console

from pipelines import evaluate as program
from pipelines.evaluate import evaluate_run
from pipelines.metrics_table import print_evaluation
from ranking.features.preparation import prepare
from ranking.features.prepared_data import read_prepared
from ranking.features.spec_reader import read_spec
from ranking.models.catalog import MODELS, build
from ranking.sources.session_source import SessionSource
from ranking.training.checkpoints import Checkpoints, Progress
from ranking.training.run_folder import Run, open_run, start_run
from ranking.training.session_file import SessionFile, SessionFileWriter
from ranking.training.settings import TrainingSettings
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_runs import small_data, small_run
from tests.helpers.small_spec import small_sessions, small_spec

pytestmark = pytest.mark.slow
SHARD = "small-test.tfrecord-00001-of-00004"


def _prepared(folder, sessions, seed, resolved_in=None):
    """Data whose vocabularies are learned, or those of the resolved spec in a folder."""
    spec = small_spec() if resolved_in is None else read_spec(resolved_in / "feature_spec.json")
    splits = {
        split: lambda seed=seed: iter([small_sessions(spec, sessions, seed)])
        for seed, split in enumerate(("train", "test"), seed)
    }
    source = SessionSource(splits, simulated=True, description={})
    return prepare(spec, source, folder, spec_folder=resolved_in or ".")


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
    _save_untrained(run)
    return open_run(run.folder)


def _save_untrained(run):
    model = build(run.model, run.spec, run.model_settings).training
    Checkpoints(run.checkpoints, model, origin=run.origin).save(Progress())


def _evaluated(run, data, split="test"):
    return evaluate_run(Console(file=io.StringIO()), run, data, split)


@pytest.mark.parametrize("place", ["folder", "data"])
def test_every_session_of_new_data_is_evaluated_once(run, tmp_path, place):
    data = _prepared(tmp_path / "data", 61, seed=5, resolved_in=getattr(run, place))
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
    split = data.manifest.splits["test"]
    # One batch of 256 sessions, as wide as its longest history and its longest list.
    shown = 1 - evaluation.padding["candidates_padding"]
    assert 256 * 7 * shown == pytest.approx(split.candidates)
    kept = 1 - evaluation.padding["behaviors_padding"]
    assert 256 * data.spec.behaviors_max_length * kept == pytest.approx(split.behaviors)
    console = Console(file=io.StringIO(), width=120)
    print_evaluation(console, evaluation, run, "test")
    assert "click by dnn on small, test split, simulated data" in console.file.getvalue()


def test_data_with_vocabularies_of_their_own_are_refused(run, tmp_path):
    data = _prepared(tmp_path / "data", 61, seed=5)
    assert {key: table.size for key, table in data.spec.tables.items()} == {
        key: table.size for key, table in run.spec.tables.items()
    }
    with pytest.raises(ValueError, match="data must be prepared with the resolved spec") as error:
        _evaluated(run, data)
    assert "tables.item" in str(error.value) and "tables.hour" not in str(error.value)
    remedy = f"Prepare the data again: python -m pipelines.prepare --spec={run.folder}/feature_spec"
    assert remedy in str(error.value)


def _with_table(spec, name, **changes):
    table = dataclasses.replace(spec.tables[name], **changes)
    return dataclasses.replace(spec, tables={**spec.tables, name: table})


def _without_visits(spec):
    session = tuple(field for field in spec.session if field.name != "visits")
    return dataclasses.replace(spec, session=session)


@pytest.mark.parametrize(
    ("change", "different"),
    [
        (_without_visits, "session.visits"),
        (lambda spec: _with_table(spec, "action", values=("order", "click")), "tables.action"),
        (lambda spec: _with_table(spec, "hour", integer_ids=25), "tables.hour"),
        (lambda spec: _with_table(spec, "shop", sha256="77aa"), "tables.shop"),
        (lambda spec: dataclasses.replace(spec, behaviors_max_length=7), "behaviors.sequence"),
    ],
)
def test_data_of_another_meaning_are_refused(run, change, different):
    data = read_prepared(run.data)
    with pytest.raises(ValueError, match=f"tables. Different: {different}. Prepare the data again"):
        _evaluated(run, dataclasses.replace(data, spec=change(data.spec)))


def test_an_unknown_split_is_one_clear_error(run):
    with pytest.raises(ValueError, match="has no split `tset`"):
        _evaluated(run, read_prepared(run.data), "tset")


@pytest.fixture
def run_main(run, tmp_path, monkeypatch, capfd):
    """Evaluates a copy of the run on a copy of its data, unless flags say otherwise."""
    shutil.copytree(run.data, tmp_path / "data")
    shutil.copytree(run.folder, tmp_path / "run")
    runner = program_runner(program, monkeypatch, capfd)
    return lambda *flags: runner(f"--run={tmp_path / 'run'}", f"--data={tmp_path / 'data'}", *flags)


def test_the_numbers_are_written_beside_the_run(run_main, tmp_path):
    code, out, err = run_main("--split=train")
    assert code == 0, err
    path = tmp_path / "run" / "evaluation-data-train.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    assert metrics["train"]["all"]["sessions"] == 97 and metrics["simulated"] is True
    assert "metrics: " in out and path.name in out
    path = tmp_path / "run" / "sessions-data-train.parquet"
    sessions = SessionFile(path)
    assert "sessions: " in out and path.name in out
    assert len(sessions) == 97
    assert sessions.document["split"] == "train" and sessions.document["simulated"] is True
    assert sessions.document["data"] == str(tmp_path / "data")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text(encoding="utf-8"))
    assert sessions.document["trained_manifest_sha256"] == settings["manifest_sha256"]
    assert sessions.document["finished"] is False


def test_numbers_and_sessions_of_other_places_lie_side_by_side(run_main, tmp_path):
    (tmp_path / "run" / "metrics.json").write_text("{}", encoding="utf-8")
    for name in ("mine", "yours"):
        code, _, err = run_main(f"--out={tmp_path / 'results' / name}.json")
        assert code == 0, err
    names = ("mine-sessions.parquet", "mine.json", "yours-sessions.parquet", "yours.json")
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [*names]
    assert not list(tmp_path.glob("run/sessions*"))
    document = SessionFile(tmp_path / "results" / names[0]).document
    assert document["finished"] is True and document["data"] == str(tmp_path / "data")


@pytest.mark.parametrize("out", [None, "mine.json"])
def test_sessions_of_other_data_are_not_replaced(run_main, tmp_path, out):
    flags = [] if out is None else [f"--out={tmp_path / out}"]
    path = tmp_path / ("run/sessions-data-test.parquet" if out is None else "mine-sessions.parquet")
    for manifest in ("0" * 64, None):  # None: an older file, which does not say
        document = {"data": "others/data", **({"manifest_sha256": manifest} if manifest else {})}
        with SessionFileWriter(path, document) as writer:
            writer.write({"history": np.arange(5)})
        code, _, err = run_main(*flags)
        if manifest:
            message = f"{path} must be of the data evaluated where it is to be replaced. Received: "
            assert_one_error((code, "", err), f"{message}sessions of others/data, with another")
            assert len(SessionFile(path)) == 5
            assert not list(tmp_path.glob("run/evaluation*"))
        else:
            assert code == 0, err
    code, _, err = run_main(*flags)  # now of these very data
    assert code == 0, err
    assert len(SessionFile(path)) == 97


def _change(path, change):
    path.write_bytes(change(path.read_bytes()))


def _flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def _put_checkpoint_of(other, folder):
    """Puts an untrained checkpoint of another run in place of the run's own."""
    _save_untrained(other)
    shutil.rmtree(folder / "run" / "checkpoints")
    shutil.move(other.checkpoints, folder / "run" / "checkpoints")


def _other_specs_checkpoint(folder):
    data = small_data(folder / "other_data", train=5, test=5)
    _put_checkpoint_of(small_run(folder / "other", data), folder)


def _other_statistics_checkpoint(folder):
    """All shapes are those of the run."""
    data = _prepared(folder / "other_data", 97, seed=7)
    run = open_run(folder / "run")
    assert {t.name: t.rows for t in data.spec.tables.values()} == {
        t.name: t.rows for t in run.spec.tables.values()
    }
    other = dataclasses.replace(run, folder=folder / "other", spec=data.spec)
    _put_checkpoint_of(other, folder)


def _checkpoint_without_origin(folder):
    _other_specs_checkpoint(folder)
    (folder / CHECKPOINT / "run.json").unlink()


CHECKPOINT = "run/checkpoints/step-00000000"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda at: _change(at / "data" / SHARD, lambda old: old[:-5]),
            f"{SHARD} is cut short: it",
        ),
        (
            lambda at: _change(at / "data" / SHARD, _flip),
            f"{SHARD} is damaged: its checksum must be",
        ),
        (lambda at: (at / "data" / SHARD).unlink(), f"{SHARD} is missing; manifest.json lists it."),
        (
            lambda at: shutil.rmtree(at / "run"),
            "run must be the folder of a run, with a readable se",
        ),
        (
            lambda at: shutil.rmtree(at / "run/checkpoints"),
            "checkpoints holds no checkpoint. Train",
        ),
        (
            lambda at: _change(at / CHECKPOINT / "variables.index", lambda old: old[:9]),
            "step-00000000 is damaged, or of a run with other settings or another spec: ",
        ),
        (_other_specs_checkpoint, "step-00000000 must be of the run whose folder it is in. Rece"),
        (_other_statistics_checkpoint, 'one of a run with another spec_fingerprint ("'),
        (
            _checkpoint_without_origin,
            "step-00000000 is damaged, or of a run with other settings or ",
        ),
    ],
)
def test_bad_input_is_one_clear_error(run_main, tmp_path, damage, message):
    damage(tmp_path)
    assert_one_error(run_main(), message)
    for left in ("evaluation*", "sessions*", ".*"):
        assert not list(tmp_path.glob(f"run/{left}"))


def test_a_folder_is_no_place_for_numbers(run_main, tmp_path):
    code, _, err = run_main(f"--out={tmp_path}")
    assert (
        code == 1 and f"`--out` must name a file. Received: {tmp_path}, which is a folder." in err
    )
