"""What a server can ask of an exported model."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GATE, full_scores

SERVING_DEFAULT, GATE_SIGNATURE, SCORE_SIGNATURE = "serving_default", "gate", "score"


@dataclasses.dataclass(frozen=True)
class Signature:
    """One entry point of a SavedModel: named raw tensors -> named results.

    Attributes:
        name: What a client asks for.
        function: Takes the dictionary of inputs, returns the dictionary of results.
        inputs: Shape and type of every input. All share their first dimension, the sessions, so a
            server may merge requests.
    """

    name: str
    function: Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]


def make_signatures(networks: RankingNetworks, encoder: Encoder) -> list[Signature]:
    """Networks and encoder -> the signatures of their SavedModel.

    * `serving_default`: raw session, behaviors and candidates -> `{task: [B, C]}`;
    * `gate`: raw session and behaviors -> `{"gate": [B, K]}`;
    * `score`: a gate and the inputs of `serving_default` -> `{task: [B, C]}`.

    The last two exist where the gate reads no candidate. Equal requests give equal bits, whether
    asked at once or as `gate` and then `score`.
    """
    everything = raw_signature(encoder.spec, (SESSION, BEHAVIORS, CANDIDATES))
    signatures = [
        Signature(SERVING_DEFAULT, lambda raw: full_scores(networks, encoder(raw)), everything)
    ]
    if networks.gate is None:
        return signatures
    session = raw_signature(encoder.spec, (SESSION, BEHAVIORS))
    experts = networks.gate.outputs[0].shape[-1]
    gate = tf.TensorSpec([None, experts], networks.gate.outputs[0].dtype, name=GATE)
    return [
        *signatures,
        Signature(GATE_SIGNATURE, lambda raw: _gate(networks, encoder(raw)), session),
        Signature(
            SCORE_SIGNATURE,
            lambda raw: _scores_from_gate(networks, encoder, raw),
            {GATE: gate, **everything},
        ),
    ]


def _gate(networks: RankingNetworks, batch: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    inputs = {tensor.name: batch[tensor.name] for tensor in networks.gate.inputs}
    return networks.gate(inputs, training=False)


def _scores_from_gate(
    networks: RankingNetworks, encoder: Encoder, raw: Mapping[str, tf.Tensor]
) -> dict[str, Any]:
    fields = {key: value for key, value in raw.items() if key != GATE}
    batch = {**encoder(fields), GATE: raw[GATE]}
    inputs = {tensor.name: batch[tensor.name] for tensor in networks.score.inputs}
    return networks.score(inputs, training=False)
