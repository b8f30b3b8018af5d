"""A small model, exported, beside everything it was made from."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ranking.export.model_card import TrainedModel
from ranking.export.saved_model import Export, export_networks
from ranking.features.encoder import Encoder
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.models.catalog import MODELS, build
from ranking.models.networks import RankingNetworks
from tests.helpers.list_source import list_source
from tests.helpers.small_spec import small_sessions, small_spec


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """An export of networks with random weights."""

    export: Export
    networks: RankingNetworks
    encoder: Encoder
    data: PreparedData


def prepared_small_data(
    folder: Path, *, global_window: str | None = None, **sessions: int
) -> PreparedData:
    """Prepared data of `small_spec`, with that many sessions in each split."""
    spec = dataclasses.replace(small_spec(), global_window=global_window)
    splits = {
        split: [small_sessions(spec, count, seed)]
        for seed, (split, count) in enumerate(sessions.items())
    }
    return prepare(spec, list_source(splits), folder, shards=1)


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
    export = export_networks(networks, encoder, data, folder, trained_model(model))
    return ExportedModel(export, networks, encoder, data)


def trained_model(name: str) -> TrainedModel:
    """What a model card says of a model that was never trained."""
    return TrainedModel(name, {"seed": 7}, {"test": {"all": {"auc": 0.5}}}, simulated=True)
