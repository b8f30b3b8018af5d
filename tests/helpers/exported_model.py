"""A small model, exported, beside everything it was made from."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ranking.export.saved_model import Export, export_networks
from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.models.catalog import MODELS, build
from ranking.models.networks import RankingNetworks


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """An export of networks with random weights."""

    export: Export
    networks: RankingNetworks
    encoder: Encoder
    data: PreparedData


def random_networks(data: PreparedData, model: str, **settings: Any) -> RankingNetworks:
    """Networks for the spec of `data` whose scores tell inputs apart, and none is 0 or 1."""
    keras.utils.set_random_seed(7)
    networks = build(model, data.spec, MODELS[model].settings_class(**settings))
    chance = np.random.default_rng(7)
    for variable in networks.training.trainable_variables:
        deviation = 0.5 if "_table/" in variable.path else 0.05
        variable.assign_add(chance.normal(0, deviation, variable.shape))
    return networks


def export_small_model(
    folder: Path, data: PreparedData, model: str, **settings: Any
) -> ExportedModel:
    """Exports random networks for `data` to `folder`."""
    networks = random_networks(data, model, **settings)
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return ExportedModel(export_networks(networks, encoder, data, folder), networks, encoder, data)
