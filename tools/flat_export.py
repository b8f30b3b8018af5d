"""Exports `flat_keras` as a SavedModel, for `bench_serving`: what most serve, as it scores."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.export.saved_model import save_signatures
from ranking.export.signatures import SERVING_DEFAULT, Signature
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.aw_moe import AwMoeSettings
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import full_scores
from tools.flat_keras import check_equal_scores, copy_weights, flat_aw_moe
from tools.serving_load import Request

_SECTIONS = (SESSION, BEHAVIORS, CANDIDATES)


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
    task = networks.tasks[0]
    candidates = {field.key for field in encoder.spec.candidates}

    def score(raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        encoded = encoder(raw)
        rows = {
            key: tf.squeeze(encoded[key], 1) if key in candidates else encoded[key]
            for key in flat.input
        }
        return {task: tf.sigmoid(flat(rows))[:, None]}

    inputs = raw_signature(encoder.spec, _SECTIONS)
    scores = {task: tf.TensorSpec([None, 1], tf.float32, task)}
    save_signatures(folder, [Signature(SERVING_DEFAULT, score, inputs, scores)], encoder)


def check_export(
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
    answer = tf.saved_model.load(str(folder)).signatures[SERVING_DEFAULT]
    keys = raw_signature(encoder.spec, _SECTIONS)
    found = answer(**{key: tf.constant(rows[key]) for key in keys})[task]
    expected = full_scores(networks, encoder({key: session[key] for key in keys}))[task]
    check_equal_scores(float(np.abs(found[:, 0] - expected[0]).max()))
