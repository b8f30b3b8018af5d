"""What is trained for the USR paper, with which settings, on which data."""

import dataclasses
import json
from pathlib import Path

import pytest

from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.finished_runs import check_finished
from pipelines.reproduction.plan import Plan
from pipelines.reproduction.planning import planned_runs
from pipelines.reproduction.system_settings import asked_settings, defining_settings
from pipelines.usr_reproduction.usr_paper import USR
from pipelines.usr_reproduction.usr_systems import (
    BACKBONES,
    PARTS,
    STRESS_PARTS,
    SYSTEMS,
    base_name,
    usr_name,
)
from ranking.models.usr_contrast import contrast_terms
from ranking.models.usr_settings import UsrSettings
from tests.helpers.fake_usr_runs import fake_usr_run

PLAN = Plan(data=Path("data/none"), out=Path("out"), parts=PARTS, seeds=3, sweep_seeds=2)

_WEIGHTS = (
    "contrastive_weight",
    "interest_contrastive_weight",
    "feature_contrastive_weight",
)


def _by_name(plan):
    return {run.name: run for run in planned_runs(USR, plan)}


def test_table_one_has_every_backbone_with_and_without_usr():
    names = {
        run.system.name for run in planned_runs(USR, dataclasses.replace(PLAN, parts=["table1"]))
    }
    assert names == {each(backbone) for backbone in BACKBONES for each in (base_name, usr_name)}
    assert len(names) == 14


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_what_defines_a_system_are_settings_of_its_model(system):
    asked = asked_settings(system, dict(system.settings), "fast")["model_settings"]
    assert defining_settings(system).items() <= asked.items()


def test_only_systems_on_other_data_or_at_the_default_size_are_the_same():
    asked = {}
    for system in SYSTEMS.values():
        key = json.dumps([system.variant, asked_settings(system, dict(system.settings), "fast")])
        asked.setdefault(key, []).append(system.name)
    same = [sorted(names) for names in asked.values() if len(names) > 1]
    assert sorted(same) == [
        ["star", "star-embedding_size=32"],
        ["usr_star", "usr_star-embedding_size=32"],
    ]


def test_every_part_brings_what_it_needs_and_points_have_their_own_seeds():
    def names(part):
        return {run.name for run in planned_runs(USR, dataclasses.replace(PLAN, parts=[part]))}

    assert "usr_star_no_contrast-seed3" in names("figures") and "star-seed1" not in names("figures")
    assert {"usr_star_glmt-seed3", "usr_star_no_ie-seed1", "star-seed3"} <= names("ablation")
    sizes = names("sizes")
    assert {"star-seed2", "star-embedding_size=8-seed2"} <= sizes
    assert not {"star-seed3", "star-embedding_size=32-seed1"} & sizes
    similarity = names("similarity")
    assert {"star-scenario_difference=3-seed2", "usr_star_glmt-seed2"} <= similarity
    corruption = names("corruption")
    assert "usr_star-global_label_noise=0.5-seed2" in corruption and "star-seed2" in corruption
    assert not any(name.startswith("star-global") for name in corruption)


def test_runs_on_other_data_say_so_in_their_command():
    runs = _by_name(PLAN)
    command = runs["usr_star-scenario_difference=2-seed1"].command()
    assert "--data=out/data/scenario_difference=2" in command and "--set=backbone=star" in command
    assert "--data=data/none" in runs["usr_star-seed1"].command()


def test_the_value_that_the_data_have_is_not_trained_apart(tmp_path):
    manifest = {"source": {"source": "simulator", "scenario_difference": 1.0}, "seed": 0}
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "global_label_noise": 0.2}))
    runs = _by_name(dataclasses.replace(PLAN, data=tmp_path))
    assert "usr_star-scenario_difference=1-seed1" not in runs
    assert "usr_star-scenario_difference=0.5-seed1" in runs
    assert "usr_star-global_label_noise=0.2-seed1" not in runs


def test_settings_reach_what_is_derived_and_never_another_backbone():
    plan = dataclasses.replace(
        PLAN, settings=["usr_star:temperature=0.2", "mmoe_experts=7", "epochs=2"]
    )
    runs = _by_name(plan)
    for name in ("usr_star", "usr_star_no_fg", "usr_star-embedding_size=8"):
        assert runs[f"{name}-seed1"].overrides["temperature"] == "0.2"
    # Two steps away: from USR over GLMT alone to its points.
    derived = runs["usr_star_glmt-global_label_noise=0.1-seed1"]
    assert derived.overrides["temperature"] == "0.2"
    assert "temperature" not in runs["usr_mmoe-seed1"].overrides
    with_experts = {run.system.name for run in runs.values() if "mmoe_experts" in run.overrides}
    assert with_experts == {"mmoe", "usr_mmoe"}
    assert all(run.overrides["epochs"] == "2" for run in runs.values())


def _without_contrast(typed):
    plan = dataclasses.replace(PLAN, parts=["figures"], settings=[typed])
    return _by_name(plan)["usr_star_no_contrast-seed1"]


@pytest.mark.parametrize("weight", ["contrastive", "interest_contrastive", "feature_contrastive"])
@pytest.mark.parametrize("system", ["", "usr_star:"])
def test_without_contrast_there_is_none_whatever_the_rest_is_given(system, weight):
    run = _without_contrast(f"{system}{weight}_weight=0.01")
    asked = asked_settings(run.system, dict(run.overrides), run.preset)["model_settings"]
    settings = UsrSettings(**{name: value for name, value in asked.items() if name in _WEIGHTS})
    assert not any(term.name.endswith("contrast") for term in contrast_terms(settings))


def test_a_run_without_contrast_of_an_earlier_version_is_taken(tmp_path):
    folder = fake_usr_run(tmp_path / "runs", "usr_star_no_contrast", 1)
    asked = json.loads((folder / "settings.json").read_text())
    weights = {"contrastive_weight": 0, **dict.fromkeys(_WEIGHTS[1:])}
    asked["model_settings"] |= weights
    (folder / "settings.json").write_text(json.dumps(asked))
    plan = dataclasses.replace(PLAN, data=Path("data/made-up"), out=tmp_path, parts=["figures"])
    (run,) = (run for run in planned_runs(USR, plan) if run.folder == folder)
    check_finished([run])
    assert "usr_star_no_contrast" in read_evaluated(tmp_path / "runs", "made-up", SYSTEMS).runs


def test_contrast_cannot_be_given_to_the_system_without():
    with pytest.raises(ValueError, match="makes the system `usr_star_no_contrast` what it is"):
        _without_contrast("usr_star_no_contrast:feature_contrastive_weight=0.01")


def test_data_that_are_not_simulated_leave_the_stress_tests_out(tmp_path):
    assert not set(USR.possible_parts(PARTS, tmp_path)) & set(STRESS_PARTS)
    (tmp_path / "manifest.json").write_text(json.dumps({"source": {"source": "simulator"}}))
    assert USR.possible_parts(PARTS, tmp_path) == PARTS
