import dataclasses

import pytest
from rich.console import Console

from pipelines import settings as program
from pipelines.settings import descriptions, settings_table
from pipelines.yardsticks import YARDSTICKS
from ranking.models.catalog import MODELS
from ranking.settings_parser import apply_overrides
from ranking.training.settings import PRESETS, TrainingSettings
from tests.helpers.run_main import program_runner

SETTINGS = {name: entry.settings_class() for name, entry in MODELS.items()}
SETTINGS |= {f"training-{name}": preset for name, preset in PRESETS.items()}
SETTINGS |= {name: each.settings for name, each in YARDSTICKS.items()}
SETTINGS |= {f"training-{name}": each.training for name, each in YARDSTICKS.items()}


@pytest.fixture
def run(monkeypatch, capfd):
    return program_runner(program, monkeypatch, capfd)


def _columns(settings):
    table = settings_table("title", settings)
    return [list(column.cells) for column in table.columns]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_described_and_nothing_else_is(settings):
    described = descriptions(type(settings))
    assert set(described) == {field.name for field in dataclasses.fields(settings)}
    assert all(text.endswith(".") for text in described.values())


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_the_table_shows_can_be_set(settings):
    names, values, _, _ = _columns(settings)
    assert apply_overrides(settings, dict(zip(names, values, strict=True))) == settings


def test_a_class_says_more_of_what_it_inherits():
    @dataclasses.dataclass
    class General:
        """General.

        Attributes:
            experts: How many.
            size: How wide.

        Raises:
            ValueError: Never.
        """

        experts: int = 2
        size: int = 3

    @dataclasses.dataclass
    class Special(General):
        """Special.

        Attributes:
            experts: How many, with one
                for `all`.
        """

    assert descriptions(Special) == {
        "experts": "How many, with one for all.",
        "size": "How wide.",
    }


def test_the_table_says_what_a_setting_takes():
    rows = list(zip(*_columns(TrainingSettings()), strict=True))
    assert rows[0][:3] == ("optimizer", "adamw", "one of adamw, adagrad, sgd")
    assert next(row[1:3] for row in rows if row[0] == "clip_norm") == ("none", "a number, or none")


def test_a_narrow_terminal_shows_every_name_whole():
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(settings_table("title", TrainingSettings()))
    assert all(f" {name} " in capture.get() for name in _columns(TrainingSettings())[0])


def test_without_a_model_all_models_are_listed(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert all(f"  {name}  " in out and entry.summary in out for name, entry in MODELS.items())


@pytest.mark.parametrize("name", YARDSTICKS)
def test_yardsticks_are_listed_and_have_their_own_settings(run, name):
    code, out, err = run()
    assert f"  {name}  " in out and YARDSTICKS[name].summary in out
    code, out, err = run(f"--model={name}")
    assert (code, err) == (0, "")
    assert f"{name}: {YARDSTICKS[name].summary} (yardstick)" in out
    assert " patience " in out


def test_the_preset_decides_the_defaults_of_training(run):
    for preset in ("fast", "paper"):
        code, out, err = run("--model=din", f"--preset={preset}")
        assert (code, err) == (0, "")
        assert "din: behaviors by attention" in out and f"training, preset {preset}" in out
        assert f" epochs                   {PRESETS[preset].epochs} " in out


def test_an_unknown_model_is_one_error_with_near_names(run):
    code, out, err = run("--model=awmoe")
    assert (code, out) == (1, "")
    assert err == "error: There is no model `awmoe`. Did you mean `aw_moe` or `mmoe`?\n"
    code, out, err = run("--model=gbtd")
    assert err == "error: There is no model `gbtd`. Did you mean `gbdt`?\n"
