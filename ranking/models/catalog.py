"""The models by name."""

import dataclasses
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import FeatureSpec
from ranking.models.aw_moe import AwMoeSettings, aw_moe
from ranking.models.category_moe import CategoryMoeSettings, category_moe
from ranking.models.din import DinSettings, din
from ranking.models.dnn import DnnSettings, dnn
from ranking.models.networks import RankingNetworks


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
