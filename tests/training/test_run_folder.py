"""Run folders: what starts, what continues, and what is refused."""

import dataclasses
import json
from pathlib import Path

import pytest

from ranking.features.prepared_data import PreparedData
from ranking.training.run_folder import Run, open_run, start_run, trained_document
from tests.helpers.small_runs import small_data, small_run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("run_folder") / "data", train=13, test=7)


@pytest.fixture
def run(data: PreparedData, tmp_path: Path) -> Run:
    return small_run(tmp_path / "runs" / "one", data, "aw_moe", gate_hidden_sizes="5,3")


def _came_to_a_checkpoint(run: Run) -> None:
    (run.checkpoints / "step-00000007").mkdir(parents=True)


def _finished(run: Run) -> None:
    run.metrics_path.write_text("{}", encoding="utf-8")


def _edit(path: Path, **changes: object) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | changes), encoding="utf-8")


def test_a_run_opens_as_it_was_started(run: Run, data: PreparedData) -> None:
    assert start_run(run, data) is False
    assert open_run(run.folder) == run
    names = {path.name for path in run.folder.iterdir()}
    assert names == {"settings.json", "feature_spec.json", "vocabularies"}
    copies = {path.name: path.read_bytes() for path in run.vocabularies.iterdir()}
    assert copies == {path.name: path.read_bytes() for path in data.vocabulary_folder.iterdir()}
    settings = json.loads((run.folder / "settings.json").read_text(encoding="utf-8"))
    assert set(settings["versions"]) == {"keras", "tensorflow"}
    assert settings["model_settings"]["gate_hidden_sizes"] == [5, 3]


def test_an_unfinished_run_continues(run: Run, data: PreparedData) -> None:
    start_run(run, data)
    _came_to_a_checkpoint(run)
    assert start_run(run, data) is True
    assert (run.checkpoints / "step-00000007").is_dir()


def test_a_run_without_checkpoint_starts_anew_with_any_settings(
    run: Run, data: PreparedData
) -> None:
    start_run(run, data)
    assert start_run(dataclasses.replace(run, seed=5), data) is False
    assert open_run(run.folder).seed == 5


def test_a_finished_run_is_replaced_only_when_told(run: Run, data: PreparedData) -> None:
    start_run(run, data)
    _finished(run)
    with pytest.raises(
        ValueError, match="holds a finished run. Choose another --out, or add --over"
    ):
        start_run(run, data)
    assert start_run(run, data, overwrite=True) is False
    assert not run.metrics_path.exists()


def test_an_unfinished_run_with_other_settings_is_refused(run: Run, data: PreparedData) -> None:
    start_run(run, data)
    _came_to_a_checkpoint(run)
    other = dataclasses.replace(
        run, seed=5, model_settings=dataclasses.replace(run.model_settings, experts=7)
    )
    with pytest.raises(
        ValueError, match=r"Different: model_settings.experts, seed\. Choose another"
    ):
        start_run(other, data)


def test_an_unfinished_run_on_other_data_is_refused(run: Run, tmp_path: Path) -> None:
    data = small_data(run.data.parent / "changing", train=13, test=7)
    start_run(run, data)
    _came_to_a_checkpoint(run)
    _edit(data.folder / "manifest.json", seed=77)
    with pytest.raises(ValueError, match="Different: manifest_sha256"):
        start_run(run, data)


def test_an_unfinished_run_whose_spec_was_changed_is_refused(run: Run, data: PreparedData) -> None:
    start_run(run, data)
    _came_to_a_checkpoint(run)
    _edit(run.folder / "feature_spec.json", name="other")
    with pytest.raises(
        ValueError, match="must be the spec that the run was trained with. Its finge"
    ):
        start_run(run, data)
    with pytest.raises(
        ValueError, match="must be the spec that the run was trained with. Its finge"
    ):
        open_run(run.folder)


def test_a_folder_of_something_else_is_never_replaced(run: Run, data: PreparedData) -> None:
    run.folder.mkdir(parents=True)
    (run.folder / "thesis.txt").write_text("42", encoding="utf-8")
    for overwrite in (False, True):
        with pytest.raises(OSError, match=r"is not overwritten: it has no settings\.json"):
            start_run(run, data, overwrite=overwrite)
    assert [path.name for path in run.folder.parent.iterdir()] == ["one"]


def test_a_file_is_no_run_folder(run: Run, data: PreparedData) -> None:
    run.folder.parent.mkdir(parents=True)
    run.folder.write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="is a file. Name another folder"):
        start_run(run, data, overwrite=True)


def test_it_is_told_what_a_run_was_trained_on_and_where_it_was_stopped(
    run: Run, data: PreparedData
) -> None:
    start_run(run, data)
    settings = json.loads((run.folder / "settings.json").read_text(encoding="utf-8"))
    known = run.document() | {"manifest_sha256": settings["manifest_sha256"], "finished": False}
    assert trained_document(run) == known
    _finished(run)  # as older versions do, which say no more
    known["finished"] = True
    assert trained_document(run) == known
    for max_steps, stopped in ((7, 7), (8, None), (None, None)):
        train = {"train": {"steps": 7, "max_steps": max_steps}}
        run.metrics_path.write_text(json.dumps(train), encoding="utf-8")
        assert trained_document(run) == known | {"max_steps": stopped}
    _edit(run.folder / "settings.json", versions={})
    document = json.loads((run.folder / "settings.json").read_text(encoding="utf-8"))
    del document["manifest_sha256"]
    (run.folder / "settings.json").write_text(json.dumps(document), encoding="utf-8")
    assert "manifest_sha256" not in trained_document(run)


def test_what_is_no_run_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must be the folder of a run, .* Train one with `python -m"
    ):
        open_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "aw_mo"}, "There is no model `aw_mo`. Did you mean `aw_moe`"),
        ({"model_settings": {"expertss": 3}}, "must be as this version .*expertss"),
        (
            {"training_settings": {"batch_size": 0}},
            "must be as this version .*`batch_size` must be",
        ),
        ({"training_settings": 3}, "must be as this version of the project writes it"),
        ({"data": None}, "must be as this version of the project writes it"),
    ],
)
def test_settings_that_were_changed_are_one_clear_error(
    run: Run, data: PreparedData, changes: dict[str, object], message: str
) -> None:
    start_run(run, data)
    _edit(run.folder / "settings.json", **changes)
    with pytest.raises(ValueError, match=message):
        open_run(run.folder)


@pytest.mark.parametrize("text", ["", "[]", '{"model": "dnn"}'])
def test_settings_that_are_none_are_one_clear_error(
    run: Run, data: PreparedData, text: str
) -> None:
    start_run(run, data)
    (run.folder / "settings.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"settings\.json"):
        open_run(run.folder)


def test_a_run_that_the_disk_does_not_take_does_not_appear(
    run: Run, data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ranking.features.flush.os.fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        start_run(run, data)
    assert list(run.folder.parent.iterdir()) == []
