from pathlib import Path

import pytest

from pipelines.compared_runs import ComparedRun
from pipelines.compared_systems import find_system, group_systems, other_training
from tests.helpers.session_files import document


def _run(folder, model="din", seed=1, **changes):
    return ComparedRun(Path(folder), document(model, seed, **changes), {})


def _shown(systems):
    return {system.label: [run.folder.name for run in system.runs] for system in systems}


def test_seeds_of_equal_settings_are_one_system():
    runs = [_run("a", seed=3), _run("b", "dnn"), _run("c", seed=1), _run("d", seed=2)]
    assert _shown(group_systems(runs)) == {"din": ["c", "d", "a"], "dnn": ["b"]}


def test_a_label_says_what_tells_systems_of_a_model_apart():
    runs = [
        _run("a", "aw_moe", model_settings={"experts": 4, "sizes": [64, 32], "gate": True}),
        _run("b", "aw_moe", model_settings={"experts": 8, "sizes": [64, 32], "gate": True}),
        _run("c", "aw_moe", model_settings={"experts": 8, "sizes": [16], "gate": True}),
        _run("d", "dnn", training_settings={"epochs": 2}),
    ]
    assert list(_shown(group_systems(runs))) == [
        "aw_moe experts=4 sizes=64,32",
        "aw_moe experts=8 sizes=64,32",
        "aw_moe experts=8 sizes=16",
        "dnn",
    ]
    assert other_training(group_systems(runs)) == ["epochs: 1, 2"]


def test_settings_that_one_lacks_tell_too():
    runs = [_run("a"), _run("b", model_settings={"experts": 4, "dropout": 0.1, "gate": False})]
    assert list(_shown(group_systems(runs))) == [
        "din dropout=unset gate=unset",
        "din dropout=0.1 gate=false",
    ]
    assert other_training(group_systems(runs)) == []


def test_a_seed_that_comes_again_is_another_system():
    runs = [_run("a"), _run("b", seed=2), _run("a"), _run("b", seed=2)]
    assert _shown(group_systems(runs)) == {"din": ["a", "b"], "din (2: a)": ["a", "b"]}


def test_runs_that_started_from_others_are_a_system_of_their_own():
    runs = [_run("a"), _run("b", seed=2)]
    runs += [_run("c", warm_start="runs/1"), _run("d", seed=2, warm_start="runs/2")]
    assert _shown(group_systems(runs)) == {
        "din warm_start=false": ["a", "b"],
        "din warm_start=true": ["c", "d"],
    }


def test_runs_on_other_data_or_cut_short_are_systems_of_their_own():
    own, other = ({"trained_manifest_sha256": name * 64, "max_steps": None} for name in "0a")
    runs = [_run("a", **own), _run("b", seed=2, **own), _run("c", **other)]
    runs += [_run("d", seed=2, **{**own, "max_steps": 20}), _run("e", "dnn", **own)]
    systems = group_systems(runs)
    assert _shown(systems) == {
        "din trained_on=000000000000 max_steps=null": ["a", "b"],
        "din trained_on=aaaaaaaaaaaa max_steps=null": ["c"],
        "din trained_on=000000000000 max_steps=20": ["d"],
        "dnn": ["e"],
    }
    assert other_training(systems) == [
        "trained_on: 000000000000, aaaaaaaaaaaa",
        "max_steps: null, 20",
    ]


def test_one_system_is_nothing_to_compare():
    with pytest.raises(
        ValueError, match="at least two systems: .* Received: 2 seeds of din, of one"
    ):
        group_systems([_run("a"), _run("b", seed=2)])


def test_a_system_is_found_by_folder_label_or_model():
    runs = [_run("a"), _run("b", seed=2), _run("c", "dnn"), _run("d", "dnn", model_settings={})]
    systems = group_systems(runs)
    assert find_system(systems, "./b") is systems[0]
    assert find_system(systems, "din") is systems[0]
    assert find_system(systems, "dnn experts=unset") is systems[2]
    for name in ("dnn", "nothing"):
        with pytest.raises(ValueError, match=f"Received: '{name}'. Labels: din; dnn experts=4; "):
            find_system(systems, name)
    assert find_system(group_systems([_run("a"), _run("a")]), "a").label == "din"
