"""What is trained, with which settings, by which command."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.reproduction.aw_moe_paper import AW_MOE
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.planning import planned_runs, reported_runs
from pipelines.reproduction.system import TRAIN
from pipelines.reproduction.system_settings import asked_settings, defining_settings
from pipelines.reproduction.systems import PARTS, SYSTEMS
from ranking.settings_parser import SettingsError
from tests.helpers.fake_runs import fake_run

CATALOG = [system for system in SYSTEMS.values() if system.program == TRAIN]
PLAN = Plan(data=Path("data/x"), out=Path("out"), parts=PARTS, seeds=3, sweep_seeds=2)


def _by_name(plan):
    return {run.name: run for run in planned_runs(AW_MOE, plan)}


def test_every_system_has_its_seeds_and_the_center_is_not_trained_twice():
    runs = _by_name(PLAN)
    seeds = {}
    for run in runs.values():
        seeds.setdefault(run.system.name, []).append(run.seed)
    for name in ("dnn", "din", "category_moe", "aw_moe", "aw_moe_cl", "aw_moe_gu", "tfrs_dlrm"):
        assert seeds[name] == [1, 2, 3]
    swept = {name: each for name, each in seeds.items() if "=" in name}
    assert len(swept) == 12 and all(each == [1, 2] for each in swept.values())
    assert "aw_moe_cl-mask_probability=0.1" not in seeds
    assert "aw_moe_cl-mask_probability=0.2-seed1" in runs


def test_all_runs_that_are_evaluated_are_reported_as_they_would_be_asked_for(tmp_path):
    for system, seed in (("din", 1), ("din", 7), ("aw_moe_gu", 1), ("gbdt", 2), ("dnn", 1)):
        fake_run(tmp_path / "runs", system, seed)
    fake_run(tmp_path / "runs", "aw_moe_cl-negatives=3", 1)
    (tmp_path / "runs/dnn-seed1/sessions-test.parquet").unlink()
    fake_run(tmp_path / "runs", "dnn", 2)
    (tmp_path / "runs/dnn-seed2/metrics.json").unlink()
    (tmp_path / "runs/notes").mkdir()
    plan = Plan(
        data=Path("data/x"),
        out=tmp_path,
        parts=["comparison"],
        seeds=1,
        settings=["aw_moe:epochs=3", "gbdt:trees=7"],
        max_steps=5,
    )
    runs = {run.name: run for run in reported_runs(AW_MOE, plan)}
    names = {"din-seed1", "din-seed7", "aw_moe_gu-seed1", "gbdt-seed2"}
    assert runs.keys() == names | {"aw_moe_cl-negatives=3-seed1"}
    assert runs["aw_moe_gu-seed1"].overrides["epochs"] == "3"
    assert runs["gbdt-seed2"].overrides == {"trees": "7"}
    assert runs["din-seed7"].max_steps == 5 and runs["gbdt-seed2"].max_steps is None
    assert runs["din-seed7"].data == Path("data/x")
    path = tmp_path / "runs/dnn-seed1/sessions-x-test.parquet"
    path.touch()
    assert "dnn-seed1" in {run.name for run in reported_runs(AW_MOE, plan)}


def test_a_moved_center_is_left_out_of_its_own_sweep_alone():
    plan = dataclasses.replace(PLAN, settings=["aw_moe_cl:negatives=5"])
    runs = _by_name(plan)
    assert "aw_moe_cl-negatives=5-seed1" not in runs and "aw_moe_cl-negatives=3-seed1" in runs
    assert runs["aw_moe_cl-mask_probability=0.2-seed1"].overrides["negatives"] == "5"
    assert "negatives" not in runs["aw_moe-seed1"].overrides


def test_parts_bring_what_they_need():
    names = {
        run.name for run in planned_runs(AW_MOE, dataclasses.replace(PLAN, parts=["ablation"]))
    }
    assert names == {
        f"aw_moe{part}-seed{k}" for part in ("", "_base", "_gu", "_au") for k in (1, 2, 3)
    }
    sweeps = planned_runs(AW_MOE, dataclasses.replace(PLAN, parts=["sweeps"]))
    assert {run.seed for run in sweeps} == {1, 2}
    assert {"aw_moe_cl-seed1", "aw_moe_cl-seed2"} <= {run.name for run in sweeps}


def test_settings_go_where_they_are_known_and_never_undo_a_system():
    plan = dataclasses.replace(
        PLAN, settings=["contrastive_weight=0.2", "din:epochs=4", "epochs=2", "gbdt:trees=3"]
    )
    runs = _by_name(plan)
    assert runs["dnn-seed1"].overrides == {"epochs": "2"}
    assert runs["din-seed1"].overrides == {"epochs": "4"}
    assert runs["aw_moe-seed1"].overrides["contrastive_weight"] == "0"
    assert runs["aw_moe_cl-seed1"].overrides["contrastive_weight"] == "0.2"
    assert runs["gbdt-seed1"].overrides == {"trees": "3"}


def test_what_trains_as_the_models_do_trains_as_long():
    settings = ["epochs=2", "dropout=0.5", "learning_rate=0.1", "tfrs_dlrm:epochs=3"]
    runs = _by_name(dataclasses.replace(PLAN, settings=settings))
    assert runs["tfrs_dcn-seed1"].overrides == {"epochs": "2", "learning_rate": "0.1"}
    assert runs["tfrs_dlrm-seed1"].overrides == {"epochs": "3", "learning_rate": "0.1"}
    assert runs["gbdt-seed1"].overrides == {}  # Its learning rate is another.
    with pytest.raises(SettingsError, match="There is no setting `depth`.* trees"):
        _by_name(dataclasses.replace(PLAN, settings=["gbdt:depth=3"]))


def test_all_systems_are_told_what_to_predict():
    runs = _by_name(dataclasses.replace(PLAN, settings=["task=order"]))
    assert {run.overrides["task"] for run in runs.values()} == {"order"}


def test_settings_of_a_base_are_those_of_what_is_derived_from_it():
    runs = _by_name(dataclasses.replace(PLAN, settings=["aw_moe:learning_rate=0.5"]))
    for name in ("aw_moe", "aw_moe_base", "aw_moe_gu", "aw_moe_au"):
        assert runs[f"{name}-seed1"].overrides["learning_rate"] == "0.5"
    assert "learning_rate" not in runs["aw_moe_cl-seed1"].overrides


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "There is no setting `epoch`. Did you mean `epochs`"),
        ("dinn:epochs=3", "must name a system before the colon. Received: dinn:epochs=3. Did you"),
        ("din:experts=3", "There is no setting `experts`"),
        ("epochs=many", "`epochs` must be a whole number"),
        ("aw_moe:gate_unit=false", "`gate_unit` makes the system `aw_moe` what it is"),
    ],
)
def test_wrong_settings_are_one_clear_error(setting, message):
    with pytest.raises(ValueError, match=message):
        planned_runs(AW_MOE, dataclasses.replace(PLAN, settings=[setting]))


def test_a_setting_twice_is_an_error():
    with pytest.raises(ValueError, match="`din:epochs` twice"):
        planned_runs(AW_MOE, dataclasses.replace(PLAN, settings=["din:epochs=1", "din:epochs=2"]))


def test_commands():
    runs = _by_name(dataclasses.replace(PLAN, max_steps=5, preset="paper"))
    command = runs["aw_moe_cl-negatives=5-seed2"].command()
    assert command[1:7] == [
        "-m",
        "pipelines.train",
        "--model=aw_moe",
        "--data=data/x",
        "--out=out/runs/aw_moe_cl-negatives=5-seed2",
        "--seed=2",
    ]
    assert {"--set=negatives=5", "--preset=paper", "--noexport", "--max_steps=5"} <= set(command)
    # Programs outside the catalog have neither preset nor a limit of steps.
    assert not [word for word in runs["gbdt-seed1"].command() if "max_steps" in word]
    assert not [word for word in runs["tfrs_dcn-seed1"].command() if "preset" in word]
    assert runs["gbdt-seed1"].command()[2:4] == ["tools.gbdt_baseline", "--data=data/x"]
    assert runs["tfrs_dcn-seed1"].command()[2:4] == ["tools.tfrs_baseline", "--model=tfrs_dcn"]


@pytest.mark.parametrize("system", CATALOG, ids=lambda system: system.name)
def test_what_defines_a_system_are_settings_of_its_model(system):
    asked = asked_settings(system, dict(system.settings), "fast")["model_settings"]
    assert defining_settings(system).keys() == system.settings.keys()
    assert defining_settings(system).items() <= asked.items()


def test_no_two_systems_are_the_same_but_the_center_and_its_points():
    asked = {
        system.name: asked_settings(system, dict(system.settings), "fast") for system in CATALOG
    }
    pairs = {
        (one, other)
        for one in asked
        for other in asked
        if one < other and asked[one] == asked[other]
    }
    center = {
        "aw_moe_cl",
        "aw_moe_cl-mask_probability=0.1",
        "aw_moe_cl-negatives=3",
        "aw_moe_cl-contrastive_weight=0.05",
    }
    assert pairs == {(one, other) for one in center for other in center if one < other}
