import dataclasses
import json
from pathlib import Path

from ranking.training.session_document import session_document, sessions_path
from tests.helpers.small_runs import small_data, small_run


def test_it_says_which_run_and_which_data(tmp_path):
    trained = small_data(tmp_path / "trained", train=7, test=5)
    other = small_data(tmp_path / "other", train=5, test=7)
    run = small_run(tmp_path / "run", trained, hidden_size="5")
    document = session_document(run.document(), other, "test")
    assert json.loads(json.dumps(document))["model_settings"]["hidden_size"] == 5
    assert document == {
        "model": "dnn",
        "model_settings": dataclasses.asdict(run.model_settings),
        "training_settings": dataclasses.asdict(run.training),
        "seed": 3,
        "data": str(other.folder),
        "manifest_sha256": document["manifest_sha256"],
        "split": "test",
        "simulated": True,
    }
    warm = session_document(run.document() | {"warm_start": "runs/old"}, other, "test")
    assert warm == document | {"warm_start": "runs/old"}
    known = {"manifest_sha256": "01", "finished": False, "max_steps": None}
    assert session_document(run.document() | known, other, "test") == document | {
        "trained_manifest_sha256": "01",
        "finished": False,
        "max_steps": None,
    }
    own = session_document(run.document(), trained, "test")
    assert own["manifest_sha256"] != document["manifest_sha256"]
    assert len(own["manifest_sha256"]) == 64


def test_paths_tell_data_apart(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    assert sessions_path(folder, "test") == folder / "sessions-test.parquet"
    monkeypatch.chdir(tmp_path)
    found = sessions_path(folder, "validation", Path("demo/../toys/"))
    assert found == folder / "sessions-toys-validation.parquet"
