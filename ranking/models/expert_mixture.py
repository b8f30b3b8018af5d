"""What the models with experts share: their settings and the score that a gate makes of them."""

import dataclasses
from typing import Any, Literal

from keras import ops

from ranking.layers.expert_bank import ExpertBank
from ranking.models.input_network import AttentionSettings
from ranking.setting_rules import require_sizes

SMALLEST_GATE = 1e-30


@dataclasses.dataclass(frozen=True)
class ExpertSettings(AttentionSettings):
    """Settings of a model with experts.

    Attributes:
        experts: Number of experts.
        expert_hidden_sizes: Hidden widths of each expert.
        expert_batch_norm: Whether what experts read is normalized over the batch first.
    """

    experts: int = 4
    expert_hidden_sizes: tuple[int, ...] = (128, 64)
    expert_batch_norm: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "experts", "expert_hidden_sizes")


def expert_scores(impressions: Any, candidates_mask: Any, settings: ExpertSettings) -> Any:
    """Impression vectors `[B, C, D]` -> a score from every expert `[B, C, K]` (equation 5)."""
    bank = ExpertBank(
        settings.experts,
        hidden_sizes=settings.expert_hidden_sizes,
        batch_norm=settings.expert_batch_norm,
        name="expert_network.experts",
    )
    return ops.cast(bank(impressions, candidates_mask), "float32")


def mixed_logits(gate: Any, scores: Any, sigmoid: Literal["sum", "expert"] = "sum") -> Any:
    """Expert scores `[B, C, K]` under a gate `[B, K]` or `[B, C, K]` -> logits `[B, C]`.

    Equation 9. With `sum` the probability is `sigmoid(sum_k gate_k score_k)`; with `expert` it is
    `sum_k gate_k sigmoid(score_k)`, which needs gates that are shares of 1.
    """
    if len(gate.shape) == 2:
        gate = gate[:, None, :]
    if sigmoid == "sum":
        return ops.sum(gate * scores, axis=-1)
    # log p - log(1 - p) of the mixture, each by log-sum-exp: no probability is ever rounded to 1.
    log_gate = ops.log(ops.maximum(gate, SMALLEST_GATE))
    return ops.logsumexp(log_gate + ops.log_sigmoid(scores), axis=-1) - ops.logsumexp(
        log_gate + ops.log_sigmoid(-scores), axis=-1
    )
