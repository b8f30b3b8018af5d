"""What the USR paper compares, and what it leaves open, as data: one line for each system."""

import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pipelines.reproduction.system import System

TABLE1, ABLATION, SIZES = "table1", "ablation", "sizes"
SIMILARITY, CORRUPTION, FIGURES = "similarity", "corruption", "figures"
PARTS = (TABLE1, ABLATION, SIZES, SIMILARITY, CORRUPTION, FIGURES)
STRESS_PARTS = (SIMILARITY, CORRUPTION)

BACKBONES = MappingProxyType(
    {
        "shared_bottom": "SharedBottom",
        "mmoe": "MMoE",
        "ple": "PLE",
        "star": "STAR",
        "m2m": "M2M",
        "apg": "APG",
        "aw_moe": "AW-MoE",
    }
)
"""Backbone -> what tables call it. The paper has all but the last."""

NOT_IN_PAPER = "aw_moe"
BASE, CENTER = "star", "usr_star"
"""The backbone of the ablations by itself and within USR; the paper takes STAR."""

GLMT_ALONE, NO_CONTRAST = "usr_star_glmt", "usr_star_no_contrast"
SIZE_SETTING = "embedding_size"
SIZE_VALUES = (8, 16, 32, 64)
DIFFERENCE, NOISE = "scenario_difference", "global_label_noise"
STRESS_VALUES: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {DIFFERENCE: (0.0, 0.5, 1.0, 2.0, 3.0), NOISE: (0.1, 0.2, 0.3, 0.4, 0.5)}
)
"""What varies in the data of a stress test -> its values; without noise the data are as given."""


def base_name(backbone: str) -> str:
    """The system that is a backbone by itself, row Base of Table 1.

    Example:
        >>> base_name("mmoe"), base_name("aw_moe")
        ('mmoe', 'aw_moe_backbone')
    """
    return "aw_moe_backbone" if backbone == NOT_IN_PAPER else backbone


def usr_name(backbone: str) -> str:
    """The system that is USR around a backbone.

    Example:
        >>> usr_name("mmoe")
        'usr_mmoe'
    """
    return f"usr_{backbone}"


def variant_name(option: str, value: float) -> str:
    """What the data with an option at a value are called.

    Example:
        >>> variant_name("scenario_difference", 0.5), variant_name("scenario_difference", 2.0)
        ('scenario_difference=0.5', 'scenario_difference=2')
    """
    return f"{option}={value:g}"


def point_name(base: str, option: str, value: float) -> str:
    """What a system is called where something is varied.

    Example:
        >>> point_name("usr_star", "embedding_size", 8)
        'usr_star-embedding_size=8'
    """
    return f"{base}-{variant_name(option, value)}"


def _foreign(backbone: str) -> frozenset[str]:
    """Settings of the other backbones, which USR refuses to change."""
    # Imported here: Keras takes seconds that `--help` does not need.
    import dataclasses

    from ranking.backbones.catalog import BACKBONES as ENTRIES

    names = {
        name: {field.name for field in dataclasses.fields(entry.settings_class)}
        for name, entry in ENTRIES.items()
    }
    return frozenset().union(*names.values()) - names[backbone]


def _around(backbone: str, parts: tuple[str, ...]) -> System:
    return System(
        usr_name(backbone),
        f"USR, {BACKBONES[backbone]}",
        "usr",
        parts,
        {"backbone": backbone},
        foreign=functools.partial(_foreign, backbone),
    )


def _alone(backbone: str, parts: tuple[str, ...]) -> System:
    name = base_name(backbone)
    return System(name, f"{BACKBONES[backbone]}, Base", name, parts)


def _variation(name: str, title: str, parts: tuple[str, ...], **settings: str) -> System:
    """USR around STAR with something left out."""
    return System(
        name,
        title,
        "usr",
        parts,
        {"backbone": BASE, **settings},
        base=CENTER,
        foreign=functools.partial(_foreign, BASE),
    )


ABLATIONS = (
    _variation("usr_star_no_ie", "USR without IE", (ABLATION,), interest_extractor="false"),
    _variation("usr_star_no_fg", "USR without FG", (ABLATION,), feature_generator="false"),
    _variation("usr_star_no_glmt", "USR without GLMT", (ABLATION,), global_label="false"),
    _variation(
        GLMT_ALONE,
        "GLMT alone",
        (ABLATION, *STRESS_PARTS),
        interest_extractor="false",
        feature_generator="false",
    ),
    _variation(
        NO_CONTRAST,
        "USR without contrast",
        (ABLATION, FIGURES),
        contrastive_weight="0",
        # No weight of their own, so that this is that of both, whatever `--set` gives the rest.
        interest_contrastive_weight="none",
        feature_contrastive_weight="none",
    ),
)


def _parts(backbone: str, *further: str) -> tuple[str, ...]:
    """Table 1 has every backbone; the rest is about STAR."""
    return (TABLE1, ABLATION, SIZES, *STRESS_PARTS, *further) if backbone == BASE else (TABLE1,)


def _sized(base: System) -> Iterator[System]:
    """Figure 2c: one system with other embedding sizes."""
    for value in SIZE_VALUES:
        yield System(
            point_name(base.name, SIZE_SETTING, value),
            f"{base.title}, size {value}",
            base.model,
            (SIZES,),
            {**base.settings, SIZE_SETTING: str(value)},
            base=base.name,
            is_swept=True,
            foreign=base.foreign,
        )


def _stressed(base: System, option: str, part: str) -> Iterator[System]:
    """One system on other data."""
    for value in STRESS_VALUES[option]:
        yield System(
            point_name(base.name, option, value),
            f"{base.title}, {option} {value:g}",
            base.model,
            (part,),
            base.settings,
            base=base.name,
            variant=variant_name(option, value),
            foreign=base.foreign,
        )


def _all_systems() -> Iterator[System]:
    alone = [_alone(backbone, _parts(backbone)) for backbone in BACKBONES]
    around = [_around(backbone, _parts(backbone, FIGURES)) for backbone in BACKBONES]
    named = {system.name: system for system in (*alone, *around, *ABLATIONS)}
    yield from named.values()
    for name in (BASE, CENTER):
        yield from _sized(named[name])
    for name in (BASE, CENTER, GLMT_ALONE):
        yield from _stressed(named[name], DIFFERENCE, SIMILARITY)
    # A base model reads no global label, so noise in them changes nothing for it.
    for name in (CENTER, GLMT_ALONE):
        yield from _stressed(named[name], NOISE, CORRUPTION)


SYSTEMS = MappingProxyType({system.name: system for system in _all_systems()})
"""All systems by name, in the order in which they are trained and shown."""
