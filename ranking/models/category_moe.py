"""Category-MoE: experts that are picked by the category of the item to be ranked."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import keras

from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.losses.hierarchical_constraint import hierarchical_constraint
from ranking.models.embedded_session import EmbeddedSession, embed_session
from ranking.models.expert_mixture import expert_scores, mixed_logits
from ranking.models.gate_regularizers import (
    RegularizerSettings,
    check_adversarial,
    reduced_term,
    regularizer_outputs,
    regularizer_terms,
    require_weight,
)
from ranking.models.input_network import attention_pooling, impression_vectors
from ranking.models.networks import RankingNetworks
from ranking.models.single_task import networks_without_gate, resolve_task
from ranking.models.sparse_gate import (
    ExpertGate,
    check_top_k,
    noise_layer,
    sparse_gate,
    top_k_layer,
)
from ranking.setting_rules import require

GATE = "gate"
GATE_REFUSAL = (
    "The gate of model `category_moe` reads the category of the item to be ranked, so no gate can "
    "be computed once per session."
)


@dataclasses.dataclass(frozen=True)
class CategoryMoeSettings(RegularizerSettings):
    """Settings of `category_moe`: the AW-MoE paper's baseline, without the losses and the choice
    of experts that Category-MoE itself has.

    Attributes:
        category_top_k: Number of experts that the gate chooses, whose gates add up to 1, while all
            others have none; `none` uses all experts. With 1 the chosen gate is always 1, so that
            the balance alone teaches the gate. All scores are computed either way.
        hsc_weight: Weight of the hierarchical soft constraint: the squared distance between the
            gate's logits and those of a gate that sees the parent category. 0 leaves it out.
        top_category_gate: Whether that gate is a `separate` one, or `shared`: the same, which needs
            embeddings of the same width.
    """

    category_top_k: int | None = None
    hsc_weight: float = 0.0
    top_category_gate: Literal["separate", "shared"] = "separate"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_top_k(self, "category_top_k")
        check_adversarial(self, "category_top_k")
        require_weight(self, "hsc_weight")


def category_moe(spec: FeatureSpec, settings: CategoryMoeSettings) -> RankingNetworks:
    """AW-MoE's input network and experts under a gate that sees the candidate's category alone.

    The gate is linear in the category's embedding and a softmax over all experts, or over those it
    chooses. Losses beside the ranking loss are off unless they have a weight.

    Reference:
        Adversarial Mixture Of Experts with Category Hierarchy Soft Constraint, by default in the
        form in which the AW-MoE paper compares it (section IV-C).

    Raises:
        ValueError: If the spec names no category.
        SettingsError: If a setting does not fit the spec.
    """
    if spec.roles.category is None:
        raise ValueError(
            f"Spec `{spec.name}` must name one of its item fields in `roles: category` for model "
            "`category_moe`, whose gate reads the category. Received: no category"
        )
    task = resolve_task(spec, settings.task)
    _check_parent(spec, settings)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = embed_session(spec, inputs, embedding_dropout=settings.embedding_dropout)
    impressions = impression_vectors(session, settings, attention_pooling(settings))
    mask = session.candidates_mask
    scores = expert_scores(impressions, mask, settings)
    gate_layer = _gate_layer(settings, "gate_network.category")
    gate = _gate(session, gate_layer, settings)
    outputs = {GATE: gate.gate, **regularizer_outputs(gate, scores, mask, settings)}
    losses = regularizer_terms(gate, settings)
    if settings.hsc_weight > 0:
        outputs |= _hierarchy_outputs(session, gate, gate_layer, settings)
        losses.append(reduced_term("hierarchy", settings.hsc_weight, settings, _constraint))
    return networks_without_gate(
        task,
        inputs,
        mixed_logits(gate.gate, scores),
        mask,
        gate_refusal=GATE_REFUSAL,
        outputs=outputs,
        losses=losses,
    )


def _check_parent(spec: FeatureSpec, settings: CategoryMoeSettings) -> None:
    if not settings.hsc_weight:
        return
    parent = spec.roles.parent_category
    require(
        parent is not None,
        "hsc_weight",
        f"0, because spec `{spec.name}` has no `roles: parent_category` to compare with",
        settings.hsc_weight,
    )
    if settings.top_category_gate == "shared":
        names = (spec.roles.category, parent)
        widths = [spec.table_of(spec.field(CANDIDATES, name or "")).width for name in names]
        require(
            widths[0] == widths[1],
            "top_category_gate",
            f"separate, because `{names[0]}` and `{names[1]}` have vectors of widths "
            f"{widths[0]} and {widths[1]}",
            settings.top_category_gate,
        )


def _gate_layer(settings: CategoryMoeSettings, name: str) -> Any:
    if settings.category_top_k is None or not settings.gate_noise:
        return keras.layers.Dense(settings.experts, name=name)
    # From zeros the noise alone chooses at first, so every expert gets its share.
    return keras.layers.Dense(settings.experts, kernel_initializer="zeros", name=name)


def _gate(session: EmbeddedSession, layer: Any, settings: CategoryMoeSettings) -> ExpertGate:
    logits = keras.ops.cast(layer(session.category), "float32")
    if settings.category_top_k is None:
        return ExpertGate(keras.ops.softmax(logits, axis=-1), logits)
    noise = noise_layer(settings)
    return sparse_gate(
        top_k_layer(settings.category_top_k, settings),
        logits,
        None if noise is None else noise(session.category),
        session.candidates_mask,
    )


def _hierarchy_outputs(
    session: EmbeddedSession, gate: ExpertGate, gate_layer: Any, settings: CategoryMoeSettings
) -> dict[str, Any]:
    """Gate logits of category and parent `[B, C, K]`, and where the parent is known `[B, C]`."""
    if settings.top_category_gate == "separate":
        gate_layer = _gate_layer(settings, "gate_network.parent_category")
    return {
        "category_logits": gate.logits,
        "parent_category_logits": gate_layer(session.parent_category),
        "parent_category_mask": session.parent_category_mask,
    }


def _constraint(outputs: Mapping[str, Any]) -> tuple[Any, Any]:
    return hierarchical_constraint(
        outputs["category_logits"],
        outputs["parent_category_logits"],
        outputs["parent_category_mask"],
    )
