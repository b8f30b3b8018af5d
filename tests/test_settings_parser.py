"""Settings from text: what is read, and what is refused in which words."""

import dataclasses
from typing import Literal

import pytest

from ranking.settings_parser import (
    SettingsError,
    apply_overrides,
    parse_assignment,
    split_overrides,
)


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    experts: int = 4
    dropout: float = 0.1
    gate_bias: bool = True
    normalization: Literal["none", "softmax"] = "none"
    hidden_sizes: tuple[int, ...] = (64, 32)
    negatives: float | None = None
    gate_sizes: tuple[int, ...] | None = None
    title: str = ""
    derived: int = dataclasses.field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.experts < 1:
            raise ValueError(f"`experts` must be at least 1. Received: experts={self.experts}")


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    epochs: int = 1
    learning_rate: float = 1e-3
    dropout: float = 0.0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("experts", "8", 8),
        ("experts", " 8 ", 8),
        ("dropout", "0.25", 0.25),
        ("dropout", "1e-3", 0.001),
        ("dropout", "1", 1.0),
        ("gate_bias", "false", False),
        ("gate_bias", "True", True),
        ("normalization", "softmax", "softmax"),
        ("normalization", "none", "none"),
        ("hidden_sizes", "64,32", (64, 32)),
        ("hidden_sizes", "[64, 32]", (64, 32)),
        ("hidden_sizes", "64", (64,)),
        ("hidden_sizes", "64,", (64,)),
        ("hidden_sizes", "[]", ()),
        ("hidden_sizes", "", ()),
        ("negatives", "none", None),
        ("negatives", "5", 5.0),
        ("gate_sizes", "None", None),
        ("gate_sizes", "[7]", (7,)),
        ("title", "a=b c", "a=b c"),
    ],
)
def test_text_becomes_the_annotated_type(name: str, text: str, expected: object) -> None:
    start = ModelSettings(negatives=3.0, gate_sizes=(2,))
    value = getattr(apply_overrides(start, {name: text}), name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("experts", "8.0", ["`experts` must be a whole number", "experts=8.0"]),
        ("experts", "8_0", ["a whole number"]),
        ("experts", "", ["a whole number"]),
        ("experts", "none", ["a whole number"]),
        ("experts", "9" * 5000, ["a whole number"]),
        ("experts", "0", ["`experts` must be at least 1"]),
        ("dropout", "nan", ["`dropout` must be a number", "dropout=nan"]),
        ("dropout", "1_0", ["a number"]),
        ("dropout", "inf", ["a number"]),
        ("dropout", "much", ["a number"]),
        ("gate_bias", "1", ["`gate_bias` must be true or false"]),
        ("gate_bias", "yes", ["true or false"]),
        ("normalization", "sofmax", ["one of none, softmax", "Did you mean `softmax`?"]),
        ("hidden_sizes", "64,x", ["whole numbers separated by commas", "hidden_sizes=64,x"]),
        ("hidden_sizes", "64,,32", ["whole numbers separated by commas"]),
        ("hidden_sizes", "[64", ["whole numbers separated by commas"]),
        ("hidden_sizes", "none", ["whole numbers separated by commas"]),
        ("negatives", "few", ["a number, or none"]),
        ("exprts", "8", ["no setting `exprts`", "Did you mean `experts`?", "hidden_sizes"]),
        ("derived", "8", ["no setting `derived`"]),
        ("zzz", "8", ["no setting `zzz`", "dropout, experts"]),
    ],
)
def test_refusals_name_the_setting_and_what_is_allowed(
    name: str, text: str, words: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        apply_overrides(ModelSettings(), {name: text}, group="model")
    for word in words:
        assert word in str(caught.value)


def test_the_original_settings_stay_as_they_are() -> None:
    start = ModelSettings()
    changed = apply_overrides(start, {"experts": "8", "hidden_sizes": "5"})
    assert start == ModelSettings()
    assert changed == ModelSettings(experts=8, hidden_sizes=(5,))
    assert apply_overrides(start, {}) == start


def test_a_setting_of_a_type_that_text_cannot_give_is_a_programming_error() -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd:
        sizes: dict[str, int] = dataclasses.field(default_factory=dict)
        either: int | str = 0

    with pytest.raises(TypeError, match="cannot be of type"):
        apply_overrides(Odd(), {"sizes": "1"})
    with pytest.raises(TypeError, match="cannot be of type"):
        apply_overrides(Odd(), {"either": "1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("experts=8", ("experts", "8")),
        ("title=a=b", ("title", "a=b")),
        (" experts = 8 ", ("experts", "8")),
        ("hidden_sizes=", ("hidden_sizes", "")),
    ],
)
def test_an_assignment_splits_at_the_first_equals_sign(
    text: str, expected: tuple[str, str]
) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["experts", "=8", "  =8", ""])
def test_an_assignment_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="name=value.*Received"):
        parse_assignment(text)


def test_each_name_goes_to_the_settings_that_have_it() -> None:
    groups = {"model": ModelSettings(), "training": TrainingSettings()}
    overrides = {"experts": "8", "epochs": "2", "dropout": "0.5"}
    assert split_overrides(overrides, groups) == {
        "model": {"experts": "8", "dropout": "0.5"},
        "training": {"epochs": "2", "dropout": "0.5"},
    }


def test_a_name_that_no_settings_have_lists_near_names_of_all() -> None:
    groups = {"model": ModelSettings(), "training": TrainingSettings()}
    with pytest.raises(SettingsError) as caught:
        split_overrides({"expochs": "8"}, groups)
    message = str(caught.value)
    assert "no setting `expochs`" in message
    assert "`epochs`" in message
    assert "Settings of model: dropout, experts" in message
    assert "Settings of training: dropout, epochs, learning_rate" in message
