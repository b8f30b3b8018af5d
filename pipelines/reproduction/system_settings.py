"""The settings that each system of a reproduction is trained with."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.reproduction.systems import CENTER, SYSTEMS, TRAIN, System
from ranking.did_you_mean import did_you_mean
from ranking.models.catalog import model_entry
from ranking.settings_parser import apply_overrides, parse_assignment, split_overrides
from ranking.training.settings import PRESETS

EVERY = ""
Overrides = dict[str, str]


def split_settings(typed: Sequence[str]) -> dict[str, Overrides]:
    """Maps settings as typed to text by name, by the system they are for; `EVERY` is for all.

    Raises:
        ValueError: If a system does not exist, a setting is given twice, or has no value.

    Example:
        >>> split_settings(["epochs=3", "din:epochs=4"])
        {'': {'epochs': '3'}, 'din': {'epochs': '4'}}
    """
    split: dict[str, Overrides] = {EVERY: {}}
    for text in typed:
        name, value = parse_assignment(text)
        system, colon, setting = name.rpartition(":")
        if colon and system not in SYSTEMS:
            raise ValueError(
                f"`--set` must name a system before the colon. Received: {text}. "
                f"{did_you_mean(system, SYSTEMS)}"
            )
        settings = split.setdefault(system, {})
        if setting in settings:
            raise ValueError(f"`--set` must give a setting once. Received: `{name}` twice")
        settings[setting] = value
    return split


def system_overrides(
    systems: Sequence[System], settings: Mapping[str, Overrides], preset: str
) -> dict[str, Overrides]:
    """Maps systems and what `split_settings` returned to each system's overrides, by its name.

    Points of a sweep that are the same as the center are left out.

    Raises:
        ValueError: If no system has a setting, or a value is refused.
    """
    _check_known(settings[EVERY])
    overrides = {system.name: _overrides(system, settings) for system in systems}
    asked = {
        system.name: asked_settings(system, overrides[system.name], preset)
        for system in systems
        if system.program == TRAIN
    }
    center = SYSTEMS[CENTER]
    centers = asked_settings(center, _overrides(center, settings), preset)
    same = [s.name for s in systems if s.is_swept and asked[s.name] == centers]
    return {name: value for name, value in overrides.items() if name not in same}


def asked_settings(system: System, overrides: Overrides, preset: str) -> dict[str, Any]:
    """What `settings.json` says of a model of the catalog with these overrides.

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
        >>> defining_settings(SYSTEMS["aw_moe_gu"])["gate_activation_unit"]
        False
    """
    if system.program != TRAIN:
        return {}
    asked = asked_settings(system, dict(system.settings), "fast")["model_settings"]
    return {name: asked[name] for name in system.settings}


def _overrides(system: System, settings: Mapping[str, Overrides]) -> Overrides:
    """Those of all, of its base, its own, and above them what the system is made of."""
    own = settings.get(system.name, {})
    for name in own.keys() & system.settings.keys():
        raise ValueError(
            f"`{name}` makes the system `{system.name}` what it is, so `--set` cannot change it. "
            f"Received: --set={system.name}:{name}={own[name]}"
        )
    inherited = settings.get(system.base, {}) if system.base else {}
    # Of programs outside the catalog, only this is known: what they are to predict.
    names = _setting_names(system) if system.program == TRAIN else {"task"}
    common = {name: text for name, text in settings[EVERY].items() if name in names}
    return {**common, **inherited, **own, **system.settings}


def _check_known(common: Mapping[str, str]) -> None:
    catalog = [system for system in SYSTEMS.values() if system.program == TRAIN]
    names = {name for system in catalog for name in _setting_names(system)}
    for name in common:
        if name not in names:
            raise ValueError(f"There is no setting `{name}`. {did_you_mean(name, names)}")


def _setting_names(system: System) -> set[str]:
    groups = _groups(system, "fast").values()
    return {field.name for settings in groups for field in dataclasses.fields(settings)}


def _groups(system: System, preset: str) -> dict[str, Any]:
    """The settings a catalog model starts from, as `pipelines.train` calls them."""
    return {"model": model_entry(system.model).settings_class(), "training": PRESETS[preset]}
