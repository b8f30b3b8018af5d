"""Runs that are there are only taken for what is asked if they are that."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from pipelines.reproduction.aw_moe_paper import AW_MOE
from pipelines.reproduction.finished_runs import check_finished
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.planning import planned_runs
from pipelines.reproduction.run_record import RunRecord, write_record
from ranking.features.prepared_data import file_sha256
from tests.helpers.fake_runs import fake_run


@pytest.fixture
def plan(tmp_path):
    fake_run(tmp_path / "runs", "din", 1, changed={"epochs": "4"})
    fake_run(tmp_path / "runs", "gbdt", 1, changed={"trees": "5"})
    fake_run(tmp_path / "runs", "tfrs_dcn", 1, changed={"hidden_sizes": "16,8"})
    return Plan(
        data=Path("data/made-up"),
        out=tmp_path,
        parts=["comparison", "yardsticks"],
        seeds=1,
        settings=["din:epochs=4", "gbdt:trees=5", "tfrs_dcn:hidden_sizes=16,8"],
    )


def _check(plan, **changes):
    check_finished(planned_runs(AW_MOE, dataclasses.replace(plan, **changes)))


def _change(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_asked_passes(plan):
    _check(plan)
    # However it is written.
    _check(plan, settings=["din:epochs=4", "gbdt:trees=5", "tfrs_dcn:hidden_sizes=[16, 8]"])
    _check(plan, settings=[*plan.settings, "gbdt:learning_rate=.1", "tfrs_dlrm:width=+8"])
    _check(plan, settings=[*plan.settings, "tfrs_dcn:negatives_per_positive=None"])


def test_what_older_versions_do_not_know_had_the_default(plan):
    path = plan.out / "runs/din-seed1/settings.json"
    document = json.loads(path.read_text())
    del document["model_settings"]["dropout"]
    path.write_text(json.dumps(document))
    _check(plan)
    with pytest.raises(ValueError, match="dropout is 0.0, asked is 0.5"):
        _check(plan, settings=[*plan.settings, "dropout=0.5"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": []}, "din-seed1 holds a run with other settings: epochs is 4, asked is 6."),
        ({"preset": "paper"}, "learning_rate is 0.002, asked is 0.0001"),
        (
            {"settings": ["din:epochs=4", "gbdt:trees=7", "tfrs_dcn:hidden_sizes=16,8"]},
            "gbdt-seed1 holds a run with other settings: trees is 5, asked is 7. Ask for what it "
            "was trained with",
        ),
    ],
)
def test_another_setting_is_one_clear_error(plan, changes, message):
    with pytest.raises(ValueError, match=message):
        _check(plan, **changes)


def test_a_yardstick_with_a_setting_that_nobody_asks_for_is_one_clear_error(plan):
    with pytest.raises(ValueError, match="trees is 5, asked is 200"):
        _check(plan, settings=["din:epochs=4", "tfrs_dcn:hidden_sizes=16,8"])


def test_a_yardstick_that_trained_for_less_than_the_models_do_is_one_clear_error(plan):
    with pytest.raises(ValueError, match="tfrs_dcn-seed1 .* epochs is 6, asked is 9"):
        _check(plan, settings=[*plan.settings, "epochs=9"])
    _check(plan, settings=[*plan.settings, "epochs=9", "tfrs_dcn:epochs=6"])


def test_a_run_of_before_random_batches_had_sorted_ones(plan):
    path = plan.out / "runs/din-seed1/settings.json"
    document = json.loads(path.read_text())
    del document["training_settings"]["batch_by_size"]
    path.write_text(json.dumps(document))
    with pytest.raises(ValueError, match="batch_by_size is True, asked is False"):
        _check(plan)
    _check(plan, settings=[*plan.settings, "din:batch_by_size=true"])


def test_a_run_that_was_cut_short_is_not_taken_for_a_whole_one(plan):
    run = next(run for run in planned_runs(AW_MOE, plan) if run.name == "din-seed1")
    run.log.parent.mkdir()
    write_record(run.log, RunRecord(1.0, 2))
    with pytest.raises(ValueError, match="max_steps is 2, asked is none"):
        _check(plan)
    _check(plan, max_steps=2)


@pytest.mark.parametrize("noted", [None, 2])
def test_what_a_run_says_of_its_end_counts_whatever_its_record_says(plan, noted):
    run = next(run for run in planned_runs(AW_MOE, plan) if run.name == "din-seed1")
    run.log.parent.mkdir()
    write_record(run.log, RunRecord(1.0, noted))
    _change(run.folder / "metrics.json", train={"steps": 20, "max_steps": 20})
    with pytest.raises(ValueError, match="max_steps is 20, asked is none"):
        _check(plan)
    _check(plan, max_steps=20)
    _change(run.folder / "metrics.json", train={"steps": 70, "max_steps": None})
    _check(plan)


def test_a_run_that_started_from_another_is_not_taken_for_a_plain_one(plan):
    _change(plan.out / "runs/din-seed1/settings.json", warm_start=None)
    _check(plan)
    _change(plan.out / "runs/din-seed1/settings.json", warm_start="runs/old")
    with pytest.raises(ValueError, match="warm_start is runs/old, asked is none"):
        _check(plan)


def test_other_data_are_found_out(plan, tmp_path):
    (tmp_path / "made-up").mkdir()
    (tmp_path / "made-up/manifest.json").write_text("{}")
    _check(plan, data=tmp_path / "made-up")  # A run that does not say its manifest.
    _change(plan.out / "runs/din-seed1/settings.json", manifest_sha256="0123")
    with pytest.raises(ValueError, match=r"data \(manifest.json\) is 0123, asked is"):
        _check(plan, data=tmp_path / "made-up")


def test_test_sessions_of_other_data_are_found_out(plan, tmp_path):
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved/manifest.json").write_text("{}")
    manifest = file_sha256(tmp_path / "moved/manifest.json")
    for system, seed in (("gbdt", 1), ("tfrs_dcn", 1), ("din", 1)):
        shutil.rmtree(plan.out / f"runs/{system}-seed{seed}")
    fake_run(plan.out / "runs", "din", 1, changed={"epochs": "4"}, manifest=manifest)
    _check(plan, data=tmp_path / "moved")  # The same data under another name.
    shutil.rmtree(plan.out / "runs/din-seed1")
    fake_run(plan.out / "runs", "din", 1, changed={"epochs": "4"}, manifest="45" * 32)
    _change(plan.out / "runs/din-seed1/settings.json", manifest_sha256=manifest)
    message = r"other settings: data of the test sessions \(manifest.json\) is 454545454545, asked"
    with pytest.raises(ValueError, match=message):
        _check(plan, data=tmp_path / "moved")


def test_data_that_are_not_there_are_told_by_the_name_of_their_folder(plan):
    _check(plan, data=Path("elsewhere/made-up"))
    with pytest.raises(ValueError, match="din-seed1 holds .* data is made-up, asked is beauty; "):
        _check(plan, data=Path("data/beauty"))


@pytest.mark.parametrize("what", ["settings", "metrics"])
def test_unreadable_files_are_one_clear_error(plan, what):
    (plan.out / f"runs/din-seed1/{what}.json").write_text("{")
    with pytest.raises(ValueError, match=f"{what}.json must hold the {what} of a finished run"):
        _check(plan)


def test_unfinished_runs_are_left_to_training(plan):
    (plan.out / "runs/din-seed1/metrics.json").unlink()
    _check(plan, settings=plan.settings[1:])
