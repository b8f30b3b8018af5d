"""The settings that each system of a reproduction is trained with."""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipelines.reproduction.system import TRAIN, System
from pipelines.yardsticks import YARDSTICKS
from ranking.did_you_mean import did_you_mean
from ranking.models.catalog import model_entry
from ranking.settings_parser import apply_overrides, parse_assignment, split_overrides
from ranking.training.settings import PRESETS

EVERY = ""
Overrides = dict[str, str]


def split_settings(typed: Sequence[str], systems: Collection[str]) -> dict[str, Overrides]:
    """Maps settings as typed to text by name, by the system they are for; `EVERY` is for all.

    Raises:
        ValueError: If a system does not exist, a setting is given twice, or has no value.

    Example:
        >>> split_settings(["epochs=3", "din:epochs=4"], ["din"])
        {'': {'epochs': '3'}, 'din': {'epochs': '4'}}
    """
    split: dict[str, Overrides] = {EVERY: {}}
    for text in typed:
        name, value = parse_assignment(text)
        system, colon, setting = name.rpartition(":")
        if colon and system not in systems:
            raise ValueError(
                f"`--set` must name a system before the colon. Received: {text}. "
                f"{did_you_mean(system, systems)}"
            )
        settings = split.setdefault(system, {})
        if setting in settings:
            raise ValueError(f"`--set` must give a setting once. Received: `{name}` twice")
        settings[setting] = value
    return split


def system_overrides(
    systems: Sequence[System],
    settings: Mapping[str, Overrides],
    preset: str,
    every: Mapping[str, System],
) -> dict[str, Overrides]:
    """Maps systems and what `split_settings` returned to each system's overrides, by its name.

    Points of a sweep that are the same as their base are left out.

    Args:
        systems: Those that are trained.
        settings: As `split_settings` returns them.
        preset: Training settings to start from.
        every: All systems of the paper by name.

    Raises:
        ValueError: If no system has a setting, or a value is refused.
    """
    _check_known(settings[EVERY], every.values())
    overrides = {system.name: overrides_of(system, settings, every) for system in systems}
    for system in systems:
        asked = asked_settings(system, overrides[system.name], preset)
        if system.is_swept and asked == _asked_of_base(system, settings, preset, every):
            del overrides[system.name]
    return overrides


def overrides_of(
    system: System, settings: Mapping[str, Overrides], every: Mapping[str, System]
) -> Overrides:
    """Maps a system to the overrides of all, of its bases, its own, and above them what makes it.

    Args:
        system: The system.
        settings: As `split_settings` returns them.
        every: All systems of the paper by name.

    Raises:
        ValueError: If a setting would make it another system.
    """
    own = settings.get(system.name, {})
    for name in own.keys() & system.settings.keys():
        raise ValueError(
            f"`{name}` makes the system `{system.name}` what it is, so `--set` cannot change it. "
            f"Received: --set={system.name}:{name}={own[name]}"
        )
    inherited: Overrides = {}
    base = system.base
    while base:
        inherited = {**settings.get(base, {}), **inherited}
        base = every[base].base
    names = _common_names(system)
    common = {name: text for name, text in settings[EVERY].items() if name in names}
    return {**common, **inherited, **own, **system.settings}


def asked_settings(system: System, overrides: Overrides, preset: str) -> dict[str, Any]:
    """What `settings.json` says of a system with these overrides.

    Returns:
        `model`, `model_settings` and `training_settings`, as JSON holds them.
    """
    groups = _groups(system, preset)
    parts = split_overrides(overrides, groups)
    changed = {
        f"{group}_settings": dataclasses.asdict(apply_overrides(settings, parts[group]))
        for group, settings in groups.items()
    }
    asked: dict[str, Any] = json.loads(json.dumps({"model": system.model, **changed}))
    return asked


def defining_settings(system: System) -> dict[str, Any]:
    """What `settings.json` says about the settings that make a system what it is.

    Example:
        >>> gate = System("gu", "GU", "aw_moe", (), {"gate_unit": "true"})
        >>> defining_settings(gate)
        {'gate_unit': True}
    """
    if system.program != TRAIN:
        return {}
    asked = asked_settings(system, dict(system.settings), "fast")["model_settings"]
    return {name: asked[name] for name in system.settings}


def _asked_of_base(
    system: System, settings: Mapping[str, Overrides], preset: str, every: Mapping[str, System]
) -> dict[str, Any]:
    base = every[system.base]
    return asked_settings(base, overrides_of(base, settings, every), preset)


def _check_known(common: Mapping[str, str], systems: Collection[System]) -> None:
    catalog = [system for system in systems if system.program == TRAIN]
    names = {name for system in catalog for name in _common_names(system)}
    for name in common:
        if name not in names:
            raise ValueError(f"There is no setting `{name}`. {did_you_mean(name, names)}")


def _common_names(system: System) -> set[str]:
    """Settings of a system that are given to all.

    Of a yardstick that is what it predicts and, where it trains as the catalog's models do, how
    long: to have less than they have would be no fair comparison. What it is remains its own.
    """
    if system.program != TRAIN:
        return {"task", *YARDSTICKS[system.model].budget}
    groups = _groups(system, "fast").values()
    names = {field.name for settings in groups for field in dataclasses.fields(settings)}
    return names - system.foreign()


def _groups(system: System, preset: str) -> dict[str, Any]:
    """The settings that a system starts from, `model` and `training`, as its program calls them."""
    if system.program != TRAIN:
        yardstick = YARDSTICKS[system.model]
        return {"model": yardstick.settings, "training": yardstick.training}
    return {"model": model_entry(system.model).settings_class(), "training": PRESETS[preset]}
