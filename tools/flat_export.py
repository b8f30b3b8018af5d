"""Exports `flat_keras` as a SavedModel, for `bench_serving`: what most serve, as it scores."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.aw_moe import AwMoeSettings
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores
from tools.flat_keras import copy_weights, flat_aw_moe

_SECTIONS = (SESSION, BEHAVIORS, CANDIDATES)
_MOST_DIFFERENCE = 1e-5

Request = Mapping[str, np.ndarray]


def export_flat(
    networks: RankingNetworks, settings: AwMoeSettings, encoder: Encoder, folder: Path
) -> None:
    """Writes a SavedModel whose `serving_default` scores rows of a session and one candidate each.

    It takes the raw inputs of the session layout's `serving_default`, `[N, 1]` of candidates, and
    returns `{task: [N, 1]}`. Its histories are as long as the spec of `encoder` allows, no shorter.

    Args:
        networks: `aw_moe`, whose weights it gets.
        settings: Those of the networks.
        encoder: From raw values to what it reads.
        folder: Where to.
    """
    flat = flat_aw_moe(encoder.spec, settings)
    copy_weights(networks.training, flat)
    candidates = {field.key for field in encoder.spec.candidates}

    def score(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = encoder(raw)
        inputs = {
            key: tf.squeeze(encoded[key], 1) if key in candidates else encoded[key]
            for key in flat.input
        }
        return {networks.tasks[0]: tf.sigmoid(flat(inputs))[:, None]}

    signature = tf.function(score, autograph=False).get_concrete_function(
        raw_signature(encoder.spec, _SECTIONS)
    )
    module = tf.Module()
    module.weights = list(signature.variables)
    module.lookup_tables = encoder.lookup_tables
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})


def check_equal_scores(
    folder: Path, networks: RankingNetworks, encoder: Encoder, session: Request, rows: Request
) -> None:
    """Checks that an exported flat model scores as the networks do.

    Args:
        folder: Of the flat model.
        networks: What it got its weights from.
        encoder: From raw values to what the networks read.
        session: One raw session with C candidates.
        rows: The same as C sessions with a candidate each.

    Raises:
        ValueError: If a score differs by more than rounding.
    """
    task = networks.tasks[0]
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"]
    found = answer(**{key: tf.constant(rows[key]) for key in _inputs(encoder)})[task]
    expected = full_scores(networks, encoder({key: session[key] for key in _inputs(encoder)}))[task]
    difference = float(np.abs(found[:, 0] - expected[0]).max())
    if not difference <= _MOST_DIFFERENCE:
        raise ValueError(
            "The flat model must give the scores of the session layout from the same weights, up "
            f"to {_MOST_DIFFERENCE}. Received: a difference of {difference}"
        )


def _inputs(encoder: Encoder) -> list[str]:
    return list(raw_signature(encoder.spec, _SECTIONS))
