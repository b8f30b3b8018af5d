"""Checks that settings of models and of training share."""

import typing
from collections.abc import Iterable
from typing import Any, Literal

from ranking.settings_parser import SettingsError


def require(holds: bool, name: str, rule: str, value: object) -> None:
    """Does nothing if the rule `holds`.

    Raises:
        SettingsError: If it does not, with the setting, the rule and the value.
    """
    if not holds:
        raise SettingsError(f"Setting `{name}` must be {rule}. Received: {name}={value!r}")


def require_choices(settings: Any) -> None:
    """Checks every attribute of a dataclass that is annotated with `Literal`.

    Raises:
        SettingsError: If one has a value that is none of its choices.
    """
    for name, hint in typing.get_type_hints(type(settings)).items():
        if typing.get_origin(hint) is Literal:
            choices = typing.get_args(hint)
            value = getattr(settings, name)
            require(value in choices, name, f"one of {', '.join(choices)}", value)


def require_sizes(settings: Any, *names: str) -> None:
    """Checks that the attributes `names` are, or hold, whole numbers from 1 up.

    Raises:
        SettingsError: If one is or holds a smaller number.
    """
    for name in names:
        value = getattr(settings, name)
        sizes = value if isinstance(value, Iterable) else (value,)
        require(all(size >= 1 for size in sizes), name, "at least 1", value)
