"""What a server can ask of an exported model."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ranking.export.session_split import split_by_session
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.record_layout import record_layout
from ranking.features.records import parse_records
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION
from ranking.models.networks import RankingNetworks
from ranking.models.scoring import GATE, full_scores

SERVING_DEFAULT, GATE_SIGNATURE, SCORE_SIGNATURE = "serving_default", "gate", "score"
STATE_SIGNATURE, SCORE_WITH_STATE = "session_state", "score_with_state"
EXAMPLES = "examples"  # The signature and its only input.
CANDIDATES_LENGTH = f"{CANDIDATES}_length"

Tensors = Mapping[str, tf.Tensor]
_OF_SESSION, _ALL = (SESSION, BEHAVIORS), (SESSION, BEHAVIORS, CANDIDATES)


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
    function: Callable[[Tensors], dict[str, Any]]
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
    * `score`: a gate and the inputs of `serving_default` -> `{task: [B, C]}`;
    * `session_state`: raw session and behaviors -> all that depends on them alone, the gate too;
    * `score_with_state`: that state and raw candidates -> `{task: [B, C]}`;
    * `examples`: serialized records `[B]` -> `{task: [B, C]}` and `candidates_length` `[B]`; a
      record may lack labels and metadata.

    `gate` and `score` exist where the gate reads no candidate. Scores are 0 beyond the candidates
    of a session. Equal requests give equal scores, whichever way they are asked for; `examples`, a
    graph that TensorFlow optimizes otherwise, may round otherwise.
    """
    everything = raw_signature(encoder.spec, _ALL)
    scores = {task: tf.TensorSpec([None, None], tf.float32, task) for task in networks.tasks}

    def score_at_once(raw: Tensors) -> dict[str, Any]:
        return full_scores(networks, encoder(raw))

    return [
        Signature(SERVING_DEFAULT, score_at_once, everything, scores),
        *_gate_signatures(networks, encoder, scores),
        *_state_signatures(networks, encoder, scores),
        _examples_signature(networks, encoder, scores),
    ]


def _gate_signatures(
    networks: RankingNetworks, encoder: Encoder, scores: dict[str, tf.TensorSpec]
) -> list[Signature]:
    if networks.gate is None:
        return []
    experts = networks.gate.outputs[0].shape[-1]
    gate = {GATE: tf.TensorSpec([None, experts], tf.float32, GATE)}

    def gate_alone(raw: Tensors) -> dict[str, Any]:
        return _run(networks.gate, encoder(raw))

    def score_with_gate(raw: Tensors) -> dict[str, Any]:
        fields = {key: value for key, value in raw.items() if key != GATE}
        return _run(networks.score, {**encoder(fields), GATE: raw[GATE]})

    inputs = gate | raw_signature(encoder.spec, _ALL)
    return [
        Signature(GATE_SIGNATURE, gate_alone, raw_signature(encoder.spec, _OF_SESSION), gate),
        Signature(SCORE_SIGNATURE, score_with_gate, inputs, scores),
    ]


def _state_signatures(
    networks: RankingNetworks, encoder: Encoder, scores: dict[str, tf.TensorSpec]
) -> list[Signature]:
    split = split_by_session(encoder.spec, networks.score)
    tensors = split.state.output
    state = {name: _state_spec(name, tensor) for name, tensor in tensors.items()}

    def state_alone(raw: Tensors) -> dict[str, Any]:
        batch = encoder(raw)
        if networks.gate is not None:
            batch = {**batch, **_run(networks.gate, batch)}
        results = _run(split.state, batch)
        return {name: tf.cast(results[name], spec.dtype) for name, spec in state.items()}

    def score_with_state(raw: Tensors) -> dict[str, Any]:
        given = {name: tf.cast(raw[name], tensors[name].dtype) for name in state}
        fields = {key: value for key, value in raw.items() if key not in state}
        return _run(split.score, {**encoder(fields), **given})

    inputs = state | raw_signature(encoder.spec, (CANDIDATES,))
    return [
        Signature(STATE_SIGNATURE, state_alone, raw_signature(encoder.spec, _OF_SESSION), state),
        Signature(SCORE_WITH_STATE, score_with_state, inputs, scores),
    ]


def _state_spec(name: str, tensor: Any) -> tf.TensorSpec:
    # Half precision travels as float32, which clients can write, and loses nothing.
    is_half = tensor.dtype in ("float16", "bfloat16")
    return tf.TensorSpec(tensor.shape, "float32" if is_half else tensor.dtype, name)


def _examples_signature(
    networks: RankingNetworks, encoder: Encoder, scores: dict[str, tf.TensorSpec]
) -> Signature:
    spec = encoder.spec
    layout = record_layout(spec).inputs()

    def score_examples(raw: Tensors) -> dict[str, Any]:
        batch = encoder.encode_records(parse_records(spec, raw[EXAMPLES], layout=layout))
        return {**full_scores(networks, batch), CANDIDATES_LENGTH: batch[CANDIDATES_LENGTH]}

    outputs = scores | {CANDIDATES_LENGTH: tf.TensorSpec([None], tf.int32, CANDIDATES_LENGTH)}
    inputs = {EXAMPLES: tf.TensorSpec([None], tf.string, EXAMPLES)}
    return Signature(EXAMPLES, score_examples, inputs, outputs)


def _run(network: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    return network({tensor.name: batch[tensor.name] for tensor in network.inputs}, training=False)


def _tensor_document(spec: tf.TensorSpec) -> dict[str, Any]:
    shape = [-1 if size is None else size for size in spec.shape]
    return {"dtype": spec.dtype.name, "shape": shape}
