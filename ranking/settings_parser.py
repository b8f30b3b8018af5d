"""Settings given as text, as in `--set experts=8`, to frozen dataclasses.

The annotations of a settings dataclass say what a setting takes: `int`, `float`, `bool`, `str`,
`Literal["none", "softmax"]`, `tuple[int, ...]`, or any of these `| None`. Ranges are checked by its
`__post_init__`.
"""

import dataclasses
import math
import re
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

from ranking.did_you_mean import did_you_mean, near_names

Settings = TypeVar("Settings")


class SettingsError(ValueError):
    """A setting that does not exist or a value that it does not take."""


def parse_assignment(text: str) -> tuple[str, str]:
    """Maps `name=value` to the name and the value.

    Raises:
        SettingsError: If there is no `=`, or nothing before it.

    Example:
        >>> parse_assignment("hidden_sizes=64,32")
        ('hidden_sizes', '64,32')
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(
            f"A setting must be written `name=value`, for example `experts=8`. Received: {text!r}."
        )
    return name.strip(), value.strip()


def split_overrides(
    overrides: Mapping[str, str], groups: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Sends each override to the group of settings that has a setting of that name.

    Args:
        overrides: Text by name of the setting.
        groups: Settings (dataclass instances) by what messages call them. A name that several
            groups have goes to each of them.

    Returns:
        For every group its overrides, maybe none.

    Raises:
        SettingsError: If no group has the name.
    """
    names = {group: _setting_names(settings) for group, settings in groups.items()}
    split: dict[str, dict[str, str]] = {group: {} for group in groups}
    for name, text in overrides.items():
        owners = [group for group in groups if name in names[group]]
        if not owners:
            raise _unknown(name, names)
        for group in owners:
            split[group][name] = text
    return split


def apply_overrides(
    settings: Settings, overrides: Mapping[str, str], *, group: str = ""
) -> Settings:
    """Maps settings and text by name to a copy with these settings changed.

    Args:
        settings: A dataclass instance.
        overrides: Text by name of the setting. Tuples are written `64,32` or `[64, 32]`, the empty
            tuple `[]`, a missing value `none`.
        group: What messages call the settings, for example `model`.

    Raises:
        SettingsError: If a name is unknown, a text does not fit its setting's type, or the
            settings refuse a value.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class GateSettings:
        ...     experts: int = 4
        ...     hidden_sizes: tuple[int, ...] = (64, 32)
        >>> apply_overrides(GateSettings(), {"hidden_sizes": "16,8"})
        GateSettings(experts=4, hidden_sizes=(16, 8))
    """
    names = _setting_names(settings)
    annotations = typing.get_type_hints(type(settings))
    values = {}
    for name, text in overrides.items():
        if name not in names:
            raise _unknown(name, {group: names})
        values[name] = _parse(name, text.strip(), annotations[name])
    try:
        return typing.cast(Settings, dataclasses.replace(typing.cast(Any, settings), **values))
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _setting_names(settings: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(settings) if field.init)


def _unknown(name: str, names: Mapping[str, tuple[str, ...]]) -> SettingsError:
    every = [one for members in names.values() for one in members]
    parts = [f"There is no setting `{name}`."]
    if near_names(name, every):
        parts.append(did_you_mean(name, every))
    for group, members in names.items():
        title = f"Settings of {group}" if group else "Settings"
        parts.append(f"{title}: {', '.join(sorted(members)) or 'none'}.")
    return SettingsError(" ".join(parts))


def _parse(name: str, text: str, annotation: Any) -> Any:
    """The text as a value of the annotated type."""
    annotation, optional = _kind(annotation)
    if optional and text.lower() == "none":
        return None
    try:
        return _parse_kind(text, annotation)
    except ValueError:
        allowed = allowed_values(annotation | None if optional else annotation)
        choices = list(map(str, typing.get_args(annotation)))
        hint = f" {did_you_mean(text, choices)}" if near_names(text, choices) else ""
        raise SettingsError(
            f"The setting `{name}` must be {allowed}. Received: {name}={text}.{hint}"
        ) from None


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Maps an annotation to the one without `None`, and whether it had it."""
    if typing.get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    members = typing.get_args(annotation)
    kinds = [member for member in members if member is not type(None)]
    return kinds[0] if len(kinds) == 1 else annotation, len(kinds) < len(members)


def _parse_kind(text: str, annotation: Any) -> Any:
    """Raises ValueError where the text does not fit and TypeError where no text could."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is bool:
        return _pick(text.lower(), {"true": True, "false": False})
    if annotation is int:
        return _parse_int(text)
    if annotation is float:
        return _parse_float(text)
    if annotation is str:
        return text
    if origin is Literal:
        return _pick(text, {str(choice): choice for choice in arguments})
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        bracketed = re.fullmatch(r"\[(.*)\]", text)
        body = bracketed[1] if bracketed else text
        elements = [element.strip() for element in body.split(",")]
        if not elements[-1]:  # `[]`, or a comma at the end.
            elements.pop()
        return tuple(_parse_kind(element, arguments[0]) for element in elements)
    raise TypeError(f"Settings cannot be of type {annotation}; use one that this module names.")


def _pick(text: str, choices: Mapping[str, Any]) -> Any:
    if text not in choices:
        raise ValueError(text)
    return choices[text]


def _parse_int(text: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]+", text):
        raise ValueError(text)
    return int(text)


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def allowed_values(annotation: Any) -> str:
    """Maps a setting's annotation to what it takes, in words.

    Example:
        >>> allowed_values(tuple[int, ...] | None)
        'whole numbers separated by commas, or none'
    """
    annotation, optional = _kind(annotation)
    return _allowed(annotation) + (", or none" if optional else "")


def _allowed(annotation: Any) -> str:
    """What a setting of the annotated type takes, in words."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if typing.get_origin(annotation) is Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(annotation))
    if typing.get_origin(annotation) is tuple:
        element = typing.get_args(annotation)[0]
        elements = {int: "whole numbers", float: "numbers"}.get(element, "values")
        return f"{elements} separated by commas"
    return words.get(annotation, str(annotation))
