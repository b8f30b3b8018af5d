"""The models by name."""

import dataclasses
import functools
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from ranking.backbones.catalog import BACKBONES
from ranking.did_you_mean import did_you_mean
from ranking.features.spec import FeatureSpec
from ranking.models.aw_moe import AwMoeSettings, aw_moe
from ranking.models.category_moe import CategoryMoeSettings, category_moe
from ranking.models.din import DinSettings, din
from ranking.models.dnn import DnnSettings, dnn
from ranking.models.multi_scenario import (
    ApgModelSettings,
    AwMoeBackboneModelSettings,
    M2mModelSettings,
    MmoeModelSettings,
    PleModelSettings,
    SharedBottomModelSettings,
    StarModelSettings,
    backbone_model,
)
from ranking.models.networks import RankingNetworks
from ranking.models.usr import usr
from ranking.models.usr_settings import UsrSettings


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """A model of the catalog.

    Attributes:
        build: Maps a resolved spec and settings of `settings_class` to the networks.
        settings_class: The model's settings, a frozen dataclass whose attributes have defaults.
        summary: What it is, in one line.
    """

    build: Callable[[FeatureSpec, Any], RankingNetworks]
    settings_class: type
    summary: str


def _backbone_entry(backbone: str, settings_class: type) -> ModelEntry:
    """A backbone by itself as a model."""
    build = functools.partial(backbone_model, backbone=backbone)
    return ModelEntry(build, settings_class, f"several scenarios: {BACKBONES[backbone].summary}")


MODELS = MappingProxyType(
    {
        "dnn": ModelEntry(dnn, DnnSettings, "sum of behaviors, one feed-forward network"),
        "din": ModelEntry(din, DinSettings, "behaviors by attention, one feed-forward network"),
        "category_moe": ModelEntry(
            category_moe, CategoryMoeSettings, "as din, with experts picked by the item's category"
        ),
        "aw_moe": ModelEntry(
            aw_moe, AwMoeSettings, "as din, with experts picked by what the user did before"
        ),
        "shared_bottom": _backbone_entry("shared_bottom", SharedBottomModelSettings),
        "mmoe": _backbone_entry("mmoe", MmoeModelSettings),
        "ple": _backbone_entry("ple", PleModelSettings),
        "star": _backbone_entry("star", StarModelSettings),
        "m2m": _backbone_entry("m2m", M2mModelSettings),
        "apg": _backbone_entry("apg", ApgModelSettings),
        "aw_moe_backbone": _backbone_entry("aw_moe", AwMoeBackboneModelSettings),
        "usr": ModelEntry(
            usr, UsrSettings, "search and recommendation at once, around any of these backbones"
        ),
    }
)


def model_entry(name: str) -> ModelEntry:
    """The entry of the model `name`.

    Raises:
        ValueError: If there is none.
    """
    if name not in MODELS:
        raise ValueError(f"There is no model `{name}`. {did_you_mean(name, MODELS)}")
    return MODELS[name]


def build(name: str, spec: FeatureSpec, settings: Any) -> RankingNetworks:
    """Builds the networks of the model `name` for a resolved spec.

    Raises:
        ValueError: If there is no such model, or the settings are another model's.
    """
    entry = model_entry(name)
    if type(settings) is not entry.settings_class:
        raise ValueError(
            f"Settings of model `{name}` must be {entry.settings_class.__name__}. "
            f"Received: {type(settings).__name__}"
        )
    return entry.build(spec, settings)
