"""The gate network of AW-MoE: experts picked by what the user did before."""

import dataclasses
from typing import Any, Literal

from keras import ops

from ranking.features.spec import FeatureSpec
from ranking.layers.attention_weighted_gate import AttentionWeightedGate
from ranking.layers.masked_pooling import MaskedPooling
from ranking.models.contrastive import AugmentedView
from ranking.models.embedded_session import EmbeddedSession
from ranking.models.gate_regularizers import RegularizerSettings, check_adversarial
from ranking.models.input_network import type_mlps
from ranking.models.sparse_gate import (
    ExpertGate,
    check_top_k,
    noise_layer,
    sparse_gate,
    top_k_layer,
)
from ranking.setting_rules import require, require_sizes

GateContext = Literal["query", "target"]


@dataclasses.dataclass(frozen=True)
class GateSettings(RegularizerSettings):
    """Settings of the gate network.

    Attributes:
        gate_context: What the gate compares behaviors with: the `query`, which makes one gate per
            session, or the `target` item; `auto` takes the query where the spec has one.
        gate_hidden_sizes: Hidden widths of the gate unit. The gate's activation unit has those of
            the other one, `activation_hidden_sizes`.
        gate_normalization: `softmax` makes the gates of a session add up to 1.
        gate_bias: Whether a learned gate is added, which is all the gate of an empty history.
        gate_unit: Whether every behavior speaks for experts of its own; without it one map does so
            for all of them together.
        gate_activation_unit: Whether the gate weighs behaviors against the context.
        gate_top_k: Number of experts that the gate chooses, whose gates add up to 1, while all
            others have none; `none` uses all experts. Needs `gate_normalization` softmax. With 1
            the chosen gate is always 1, so that the balance alone teaches the gate. All scores are
            computed either way.
    """

    gate_context: Literal["auto", "query", "target"] = "auto"
    gate_hidden_sizes: tuple[int, ...] = (64, 32)
    gate_normalization: Literal["none", "softmax"] = "none"
    gate_bias: bool = True
    gate_unit: bool = True
    gate_activation_unit: bool = True
    gate_top_k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes, is_raw = self.gate_hidden_sizes, self.gate_normalization == "none"
        require_sizes(self, "gate_hidden_sizes")
        require(len(sizes) > 0, "gate_hidden_sizes", "one size or more", sizes)
        check_top_k(self, "gate_top_k")
        check_adversarial(self, "gate_top_k")
        rule = "unless `gate_normalization` is softmax"
        require(
            self.gate_top_k is None or not is_raw, "gate_top_k", f"none {rule}", self.gate_top_k
        )
        weight = self.balance_weight
        require(not weight or not is_raw, "balance_weight", f"0 {rule}", weight)


def resolve_gate_context(spec: FeatureSpec, settings: GateSettings) -> GateContext:
    """What the gate compares behaviors with in `spec`.

    Raises:
        SettingsError: If it shall be a query that the spec does not have.
    """
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


def session_gates(
    session: EmbeddedSession,
    settings: GateSettings,
    context: GateContext,
    view: AugmentedView | None = None,
) -> tuple[ExpertGate, ExpertGate | None]:
    """The gate network (equations 6 to 8) -> the gate of a session, and that of another view of it.

    Args:
        session: The vectors of its fields.
        settings: Widths and forms.
        context: What behaviors are compared with: the query makes gates `[B, K]`, the target item
            `[B, C, K]`.
        view: The other view of the behaviors; without it there is one gate.
    """
    parts = {"item": session.behavior_parts}
    if context == "query":
        parts["query"] = [session.query]
    mlps = type_mlps("gate_network", parts, settings)
    behaviors, mask = mlps["item"](parts["item"]), session.behaviors_mask
    if context == "query":
        target, rows = mlps["query"](parts["query"]), None
    else:
        target, rows = mlps["item"]([session.candidates]), session.candidates_mask
    layer, choice = _gate_layer(settings), None
    if settings.gate_top_k is not None:
        choice = _Choice(settings.gate_top_k, settings, target, rows)

    def finished(values: Any, read: Any, read_mask: Any) -> ExpertGate:
        values = ops.cast(values, "float32")
        return choice(values, read, read_mask) if choice else ExpertGate(values, values)

    if view is None:
        return finished(layer(behaviors, target, mask), behaviors, mask), None
    if view.items is None:
        # One call for both: all calls of a layer in a functional model must return equally much.
        changed = behaviors
        values, others = layer(behaviors, target, mask, view.behaviors_mask)
    else:
        changed = mlps["item"]([view.items, *parts["item"][1:]])
        values = layer(behaviors, target, mask)
        others = layer(changed, target, view.behaviors_mask)
    return finished(values, behaviors, mask), finished(others, changed, view.behaviors_mask)


class _Choice:
    """Chooses experts by what the gate layer returns, under noise."""

    def __init__(self, top_k: int, settings: GateSettings, context: Any, rows_mask: Any) -> None:
        self.context, self.rows_mask = context, rows_mask
        self.layer = top_k_layer(top_k, settings)
        self.noise = noise_layer(settings)
        self.pooling = MaskedPooling("mean", name="gate_network.noise_pooling")

    def __call__(self, logits: Any, behaviors: Any, mask: Any) -> ExpertGate:
        noise = None if self.noise is None else self.noise(self._read(behaviors, mask))
        return sparse_gate(self.layer, logits, noise, self.rows_mask)

    def _read(self, behaviors: Any, mask: Any) -> Any:
        """What the noise depends on: the mean behavior beside the context."""
        pooled = self.pooling(behaviors, mask)
        if self.rows_mask is not None:
            pooled = ops.expand_dims(pooled, 1) + ops.zeros_like(self.context)
        return ops.concatenate([pooled, self.context], axis=-1)


def _gate_layer(settings: GateSettings) -> AttentionWeightedGate:
    # A gate that chooses experts is normalized after the choice.
    is_sparse = settings.gate_top_k is not None
    return AttentionWeightedGate(
        settings.experts,
        hidden_sizes=settings.gate_hidden_sizes,
        activation_hidden_sizes=settings.activation_hidden_sizes,
        attention_normalization=settings.attention_normalization,
        attention_scale=settings.attention_scale,
        gate_normalization="none" if is_sparse else settings.gate_normalization,
        gate_unit=settings.gate_unit,
        activation_unit=settings.gate_activation_unit,
        use_bias=settings.gate_bias,
        name="gate_network.gate",
    )
