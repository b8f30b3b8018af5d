"""Gates that choose a few experts: their settings and how logits become such a gate."""

import dataclasses
from typing import Any, Literal

import keras
from keras import ops

from ranking.layers.top_k_gate import TopKGate
from ranking.models.expert_mixture import ExpertSettings
from ranking.setting_rules import require


@dataclasses.dataclass(frozen=True)
class SparseGateSettings(ExpertSettings):
    """Settings of a model whose gate may choose experts.

    Attributes:
        gate_noise: Whether a gate that chooses experts does so under trained noise in training.
        gate_noise_scale: How the noise's logits become its deviation: `softplus`, `clip` at 0, or
            `raw`.
    """

    gate_noise: bool = True
    gate_noise_scale: Literal["softplus", "clip", "raw"] = "softplus"


@dataclasses.dataclass(frozen=True)
class ExpertGate:
    """How a model weighs its experts. Shapes: B sessions, C candidates, K experts.

    Attributes:
        gate: Weights of the experts, `[B, K]` or `[B, C, K]`.
        logits: What they are made of, without noise, same shape.
        load: The chance of every expert to be chosen, same shape; `None` of a dense gate.
    """

    gate: Any
    logits: Any
    load: Any | None = None


def check_top_k(settings: SparseGateSettings, name: str) -> None:
    """Checks the setting `name`, the number of experts that the gate chooses.

    Raises:
        SettingsError: If the number leaves out no expert.
    """
    top_k, experts = getattr(settings, name), settings.experts
    require(
        top_k is None or 0 < top_k < experts,
        name,
        f"none, or at least 1 and below `experts`, which is {experts}",
        top_k,
    )


def top_k_layer(top_k: int, settings: SparseGateSettings) -> TopKGate:
    """The layer that keeps the `top_k` largest logits."""
    return TopKGate(top_k, noise_scale=settings.gate_noise_scale, name="gate_network.top_k")


def noise_layer(settings: SparseGateSettings) -> Any | None:
    """The layer that tells from what the gate reads how uncertain it is; `None` without noise.

    Its kernel starts as zeros, so that at first the noise is the same for every input.
    """
    if not settings.gate_noise:
        return None
    # A deviation of 0 would be no noise, and leave the first experts of the list alone chosen.
    bias = "zeros" if settings.gate_noise_scale == "softplus" else "ones"
    return keras.layers.Dense(
        settings.experts,
        kernel_initializer="zeros",
        bias_initializer=bias,
        name="gate_network.noise",
    )


def sparse_gate(layer: TopKGate, logits: Any, noise_logits: Any | None, mask: Any) -> ExpertGate:
    """Logits `[B, K]` or `[B, C, K]` under the mask of their rows -> a gate of few experts."""
    logits = ops.cast(logits, "float32")
    gate, load = layer(logits, noise_logits, mask)
    return ExpertGate(gate, logits, load)
