"""Data of the stress tests: made as the given data were, with one option changed."""

import json
import sys
from pathlib import Path

import pytest

from pipelines.reproduction.plan import Plan
from pipelines.usr_reproduction import stress_data
from pipelines.usr_reproduction.stress_data import is_simulated, own_value, prepare_variant

SOURCE = {
    "source": "simulator",
    "seed": 3,
    "train_sessions": 60,
    "test_sessions": 20,
    "users": 100,
    "scenario_difference": 0.5,
    "click_rate": 0.1,
}


def _manifest(folder, **changes):
    folder.mkdir(parents=True)
    document = {"source": {**SOURCE, **changes}, "seed": 3, "global_label_noise": 0.0}
    (folder / "manifest.json").write_text(json.dumps(document))


@pytest.fixture
def plan(tmp_path):
    _manifest(tmp_path / "data")
    return Plan(data=tmp_path / "data", out=tmp_path / "out", parts=())


@pytest.fixture
def commands(monkeypatch):
    """Commands in the place of running them; each leaves what it was asked for."""
    asked = []

    def run(command, **arguments):
        asked.append(command)
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(stress_data.subprocess, "run", run)
    return asked


def test_what_data_are_known_to_be(plan, tmp_path):
    assert is_simulated(plan.data) and not is_simulated(tmp_path / "nothing")
    assert own_value(plan.data, "scenario_difference") == 0.5
    assert own_value(plan.data, "global_label_noise") == 0.0
    assert own_value(tmp_path / "nothing", "global_label_noise") is None


def test_options_are_those_of_the_given_data_but_one(plan, commands):
    prepare_variant(plan, "scenario_difference=2")
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pipelines.prepare", "--source=simulator"]
    assert f"--data={plan.out / 'data/scenario_difference=2'}" in command
    assert {"--seed=3", "--global_label_noise=0.0"} <= set(command)
    options = [word.removeprefix("--option=") for word in command if word.startswith("--option=")]
    assert options == [
        "train_sessions=60",
        "test_sessions=20",
        "users=100",
        "scenario_difference=2",
    ]
    spec = next(word for word in command if word.startswith("--spec="))
    assert Path(spec.removeprefix("--spec=")).is_file()


def test_noise_is_a_flag_of_its_own(plan, commands):
    prepare_variant(plan, "global_label_noise=0.3")
    assert "--global_label_noise=0.3" in commands[0]
    assert "--option=scenario_difference=0.5" in commands[0]


def test_data_that_are_there_are_checked_and_kept(plan, commands):
    _manifest(plan.data_of("scenario_difference=2"), scenario_difference=2.0)
    prepare_variant(plan, "scenario_difference=2")
    assert not commands
    _manifest(plan.data_of("scenario_difference=3"), scenario_difference=3.0, users=99)
    with pytest.raises(ValueError, match=r"must hold data with users=100, .* Received: users=99"):
        prepare_variant(plan, "scenario_difference=3")


def test_other_data_cannot_be_varied(tmp_path):
    _manifest(tmp_path / "data", source="amazon_search")
    plan = Plan(data=tmp_path / "data", out=tmp_path / "out", parts=())
    with pytest.raises(ValueError, match=r"must be simulated .* varied by scenario_difference=2"):
        prepare_variant(plan, "scenario_difference=2")


def test_a_simulation_that_fails_is_told_with_its_log(plan, monkeypatch):
    monkeypatch.setattr(stress_data, "_SIMULATOR", "simulator")
    monkeypatch.setattr(
        stress_data,
        "_command",
        lambda *_: [sys.executable, "-c", "print('no'); raise SystemExit(1)"],
    )
    with pytest.raises(ValueError, match=r"could not be simulated, see .*data-a=1.log. .*: no"):
        prepare_variant(plan, "a=1")
