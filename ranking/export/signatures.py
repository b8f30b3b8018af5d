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
        outputs: Shape and type of every result, with the same first dimension.
    """

    name: str
    function: Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]

    def to_document(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The same for a JSON file: sizes that are not fixed are -1."""
        return {
            part: {name: _tensor_document(spec) for name, spec in specs.items()}
            for part, specs in (("inputs", self.inputs), ("outputs", self.outputs))
        }


def make_signatures(networks: RankingNetworks, encoder: Encoder) -> list[Signature]:
    """Networks and encoder -> the signatures of their SavedModel.

    * `serving_default`: raw session, behaviors and candidates -> `{task: [B, C]}`;
    * `gate`: raw session and behaviors -> `{"gate": [B, K]}`;
    * `score`: a gate and the inputs of `serving_default` -> `{task: [B, C]}`.

    The last two exist where the gate reads no candidate. Equal requests give equal bits, whether
    asked at once or as `gate` and then `score`.
    """
    everything = raw_signature(encoder.spec, (SESSION, BEHAVIORS, CANDIDATES))
    scores = {task: tf.TensorSpec([None, None], tf.float32, task) for task in networks.tasks}

    def score_at_once(raw: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        return full_scores(networks, encoder(raw))

    signatures = [Signature(SERVING_DEFAULT, score_at_once, everything, scores)]
    if networks.gate is None:
        return signatures
    session = raw_signature(encoder.spec, (SESSION, BEHAVIORS))
    experts = networks.gate.outputs[0].shape[-1]
    gate = {GATE: tf.TensorSpec([None, experts], tf.float32, GATE)}

    def gate_alone(raw: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        return _run(networks.gate, encoder(raw))

    def score_with_gate(raw: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        fields = {key: value for key, value in raw.items() if key != GATE}
        return _run(networks.score, {**encoder(fields), GATE: raw[GATE]})

    return [
        *signatures,
        Signature(GATE_SIGNATURE, gate_alone, session, gate),
        Signature(SCORE_SIGNATURE, score_with_gate, gate | everything, scores),
    ]


def _run(network: Any, batch: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    return network({tensor.name: batch[tensor.name] for tensor in network.inputs}, training=False)


def _tensor_document(spec: tf.TensorSpec) -> dict[str, Any]:
    shape = [-1 if size is None else size for size in spec.shape]
    return {"dtype": spec.dtype.name, "shape": shape}
