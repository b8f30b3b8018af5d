"""AW-MoE: experts that are picked by what the user did before."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.layers.attention_weighted_gate import AttentionWeightedGate
from ranking.models.contrastive import (
    ContrastiveSettings,
    behavior_masking,
    contrastive_outputs,
    contrastive_term,
    owner_key,
)
from ranking.models.embedded_session import EmbeddedSession, embed_session
from ranking.models.expert_mixture import expert_scores, mixed_logits
from ranking.models.input_network import attention_pooling, impression_vectors, type_mlps
from ranking.models.networks import RankingNetworks
from ranking.models.setting_rules import require, require_sizes
from ranking.models.single_task import ranking_term, resolve_task, score_network

GATE, OWNER = "gate", "owner"
GATE_REFUSAL = (
    "The gate of this `aw_moe` reads the target item beside the behaviors (`gate_context` is "
    "target), so no gate can be computed once per session."
)


@dataclasses.dataclass(frozen=True)
class AwMoeSettings(ContrastiveSettings):
    """Settings of `aw_moe`: the paper's values where it gives one.

    Attributes:
        gate_context: What the gate compares behaviors with: the `query`, which makes one gate per
            session, or the `target` item; `auto` takes the query where the spec has one.
        gate_hidden_sizes: Hidden widths of the gate unit and the gate's activation unit.
        gate_normalization: `softmax` makes the gates of a session add up to 1.
        gate_bias: Whether a learned gate is added, which is all the gate of an empty history.
        gate_unit: Whether every behavior speaks for experts of its own; without it one map does so
            for all of them together.
        gate_activation_unit: Whether the gate weighs behaviors against the context.
        score_sigmoid: Where the sigmoid stands: after the `sum` over experts, or in each `expert`,
            which needs `gate_normalization` softmax.
    """

    gate_context: Literal["auto", "query", "target"] = "auto"
    gate_hidden_sizes: tuple[int, ...] = (64, 32)
    gate_normalization: Literal["none", "softmax"] = "none"
    gate_bias: bool = True
    gate_unit: bool = True
    gate_activation_unit: bool = True
    score_sigmoid: Literal["sum", "expert"] = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = self.gate_hidden_sizes
        require_sizes(self, "gate_hidden_sizes")
        require(len(sizes) > 0, "gate_hidden_sizes", "one size or more", sizes)
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
    context = _gate_context(spec, settings)
    session_inputs = keras_inputs(spec, (SESSION, BEHAVIORS))
    _check_free_names(spec, session_inputs)
    inputs = session_inputs | keras_inputs(spec, (CANDIDATES,))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)

    # The steps of the paper's algorithm 1.
    impressions = impression_vectors(session, settings, attention_pooling(settings))  # lines 2-8
    scores = expert_scores(impressions, session.candidates_mask, settings)  # lines 9-12
    subset = None
    if settings.contrastive_weight > 0:
        subset = behavior_masking(settings)(session.behaviors_mask)
    gate, masked_gate = _gates(session, settings, context, subset)  # lines 13-24
    logits = mixed_logits(gate, scores, settings.score_sigmoid)  # lines 25-29

    training_inputs, outputs, losses = dict(inputs), {GATE: gate}, [ranking_term(task)]
    outputs[f"logits_{task}"] = logits
    if settings.contrastive_weight > 0:
        owner = training_inputs[OWNER] = keras.Input((), dtype="int64", name=OWNER)
        mask = session.candidates_mask
        outputs |= contrastive_outputs(gate, masked_gate, owner, mask, settings)
        losses.append(contrastive_term(settings))
    training = keras.Model(training_inputs, outputs, name="training")
    gate_network = None
    if context == "query":
        gate_network = keras.Model(session_inputs, {GATE: gate}, name="gate")
        inputs[GATE] = keras.Input((settings.experts,), dtype="float32", name=GATE)
        logits = mixed_logits(inputs[GATE], scores, settings.score_sigmoid)
    return RankingNetworks(
        training=training,
        score=score_network(task, inputs, logits, session.candidates_mask),
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


def _gate_context(spec: FeatureSpec, settings: AwMoeSettings) -> Literal["query", "target"]:
    """What the gate compares behaviors with in `spec`."""
    has_query = bool(spec.roles.query)
    require(
        has_query or settings.gate_context != "query",
        "gate_context",
        f"auto or target, because spec `{spec.name}` has no `roles: query`",
        settings.gate_context,
    )
    if settings.gate_context == "auto":
        return "query" if has_query else "target"
    return settings.gate_context


def _gates(
    session: EmbeddedSession,
    settings: AwMoeSettings,
    context: Literal["query", "target"],
    subset_mask: Any | None,
) -> tuple[Any, Any | None]:
    """The gate network (equations 6 to 8): the gate of all behaviors and that of those in
    `subset_mask` `[B, T]`, `[B, K]` or with the target item as context `[B, C, K]`."""
    parts = {"item": session.behavior_parts}
    if context == "query":
        parts["query"] = [session.query]
    mlps = type_mlps("gate_network", parts, settings)
    hidden_behaviors = mlps["item"](parts["item"])
    if context == "query":
        hidden_context = mlps["query"](parts["query"])
    else:
        hidden_context = mlps["item"]([session.candidates])
    layer = AttentionWeightedGate(
        settings.experts,
        hidden_sizes=settings.gate_hidden_sizes,
        attention_normalization=settings.attention_normalization,
        attention_scale=settings.attention_scale,
        gate_normalization=settings.gate_normalization,
        gate_unit=settings.gate_unit,
        activation_unit=settings.gate_activation_unit,
        use_bias=settings.gate_bias,
        name="gate_network.gate",
    )
    arguments = (hidden_behaviors, hidden_context, session.behaviors_mask)
    if subset_mask is None:
        return ops.cast(layer(*arguments), "float32"), None
    # One call for both: all calls of a layer in a functional model must return equally much.
    gate, masked_gate = layer(*arguments, subset_mask)
    return ops.cast(gate, "float32"), ops.cast(masked_gate, "float32")
