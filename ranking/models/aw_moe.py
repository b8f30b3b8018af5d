"""AW-MoE: experts that are picked by what the user did before."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.models.contrastive import (
    ContrastiveSettings,
    augmented_view,
    contrastive_outputs,
    contrastive_term,
    owner_key,
)
from ranking.models.embedded_session import embed_session
from ranking.models.expert_mixture import expert_scores, mixed_logits
from ranking.models.gate_network import GateSettings, resolve_gate_context, session_gates
from ranking.models.gate_regularizers import regularizer_outputs, regularizer_terms
from ranking.models.input_network import attention_pooling, impression_vectors
from ranking.models.networks import RankingNetworks
from ranking.models.single_task import ranking_term, resolve_task, score_network
from ranking.setting_rules import require

GATE, OWNER = "gate", "owner"
GATE_REFUSAL = (
    "The gate of this `aw_moe` reads the target item beside the behaviors (`gate_context` is "
    "target), so no gate can be computed once per session."
)


@dataclasses.dataclass(frozen=True)
class AwMoeSettings(ContrastiveSettings, GateSettings):
    """Settings of `aw_moe`: the paper's values where it gives one.

    Attributes:
        score_sigmoid: Where the sigmoid stands: after the `sum` over experts, or in each `expert`,
            which needs `gate_normalization` softmax.
    """

    score_sigmoid: Literal["sum", "expert"] = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.score_sigmoid == "sum" or self.gate_normalization == "softmax",
            "score_sigmoid",
            "sum unless `gate_normalization` is softmax",
            self.score_sigmoid,
        )


def aw_moe(spec: FeatureSpec, settings: AwMoeSettings) -> RankingNetworks:
    """Attention Weighted Mixture of Experts with contrastive learning (sections III-B to III-D).

    Raises:
        SettingsError: If a setting does not fit the spec.
        ValueError: If a session field has the name of an input of the model.
    """
    task = resolve_task(spec, settings.task)
    context = resolve_gate_context(spec, settings)
    session_inputs = keras_inputs(spec, (SESSION, BEHAVIORS))
    _check_free_names(spec, session_inputs)
    inputs = session_inputs | keras_inputs(spec, (CANDIDATES,))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)

    # The steps of the paper's algorithm 1.
    impressions = impression_vectors(session, settings, attention_pooling(settings))  # lines 2-8
    scores = expert_scores(impressions, session.candidates_mask, settings)  # lines 9-12
    view = augmented_view(spec, session, settings) if settings.contrastive_weight > 0 else None
    gate, other_gate = session_gates(session, settings, context, view)  # lines 13-24
    logits = mixed_logits(gate.gate, scores, settings.score_sigmoid)  # lines 25-29

    training_inputs, outputs = dict(inputs), {GATE: gate.gate, f"logits_{task}": logits}
    mask = session.candidates_mask
    outputs |= regularizer_outputs(gate, scores, mask, settings)
    losses = [ranking_term(task), *regularizer_terms(gate, settings)]
    if other_gate is not None:
        owner = training_inputs[OWNER] = keras.Input((), dtype="int64", name=OWNER)
        outputs |= contrastive_outputs(gate.gate, other_gate.gate, owner, mask, settings)
        losses.append(contrastive_term(settings))
    training = keras.Model(training_inputs, outputs, name="training")
    gate_network = None
    if context == "query":
        gate_network = keras.Model(session_inputs, {GATE: gate.gate}, name="gate")
        inputs[GATE] = keras.Input((settings.experts,), dtype="float32", name=GATE)
        logits = mixed_logits(inputs[GATE], scores, settings.score_sigmoid)
    return RankingNetworks(
        training=training,
        score=score_network(task, inputs, logits, mask),
        gate=gate_network,
        gate_refusal=None if gate_network else GATE_REFUSAL,
        losses=tuple(losses),
        tasks=(task,),
        owner_key=owner_key(spec, settings),
    )


def _check_free_names(spec: FeatureSpec, session_inputs: Mapping[str, Any]) -> None:
    for name in (GATE, OWNER):
        if name in session_inputs:
            raise ValueError(
                f"Spec `{spec.name}` must call its session field `{name}` something else: model "
                f"`aw_moe` has an input of that name. Received: {', '.join(sorted(session_inputs))}"
            )
