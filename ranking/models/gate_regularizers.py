"""Losses that say how experts shall be used, whatever they predict."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from keras import ops

from ranking.layers.disagreeing_experts import DisagreeingExperts
from ranking.losses.adversarial import adversarial
from ranking.losses.load_balance import load_balance
from ranking.models.networks import LossTerm
from ranking.models.sparse_gate import ExpertGate, SparseGateSettings
from ranking.setting_rules import require, require_sizes

LOAD, SCORES, DISAGREEING = "load", "expert_scores", "disagreeing"
CANDIDATES_MASK = "candidates_mask"


@dataclasses.dataclass(frozen=True)
class RegularizerSettings(SparseGateSettings):
    """Settings of the losses beside the ranking loss that the experts' use makes.

    Attributes:
        balance_weight: Weight of the squared coefficient of variation of what each expert gets in a
            batch: of gates (`importance`) and, where the choice is noisy, of chances to be chosen
            (`load`). 0 leaves both out.
        adversarial_weight: Weight of the squared distance between the scores of chosen experts and
            of some others, as a reward. Only where the gate chooses; 0 leaves it out.
        disagreeing_experts: Which others: `random` ones, or the `bottom` of the gate.
        disagreeing_count: How many others.
        regularizer_reduction: Whether adversarial and hierarchical terms are the `mean` over the
            candidates of a batch, or the `sum`, which grows with the batch.
    """

    balance_weight: float = 0.0
    adversarial_weight: float = 0.0
    disagreeing_experts: Literal["random", "bottom"] = "random"
    disagreeing_count: int = 1
    regularizer_reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_weight(self, "balance_weight")
        require_weight(self, "adversarial_weight")
        require_sizes(self, "disagreeing_count")


def require_weight(settings: Any, name: str) -> None:
    """Checks that the attribute `name` is a weight of a loss.

    Raises:
        SettingsError: If it is below 0 or not finite.
    """
    weight = getattr(settings, name)
    require(0 <= weight < math.inf, name, "at least 0 and finite", weight)


def check_adversarial(settings: RegularizerSettings, top_k_name: str) -> None:
    """Checks that the gate leaves out as many experts as shall disagree.

    Raises:
        SettingsError: If it does not, or leaves out none.
    """
    weight, top_k = settings.adversarial_weight, getattr(settings, top_k_name)
    if not weight:
        return
    rule = f"0 unless `{top_k_name}` chooses experts, so that others can disagree"
    require(top_k is not None, "adversarial_weight", rule, weight)
    left_out, count = settings.experts - top_k, settings.disagreeing_count
    rule = f"at most {left_out}, the experts that the gate leaves out"
    require(count <= left_out, "disagreeing_count", rule, count)


def regularizer_outputs(
    gate: ExpertGate, scores: Any, candidates_mask: Any, settings: RegularizerSettings
) -> dict[str, Any]:
    """What the terms of the loss need beside `gate`.

    Args:
        gate: The gate, `[B, K]` or `[B, C, K]`.
        scores: Scores of all experts `[B, C, K]`.
        candidates_mask: True at real candidates `[B, C]`.
        settings: Which terms there are.

    Returns:
        `candidates_mask`, `load` of the gate's shape, `expert_scores` `[B, C, K]` and
        `disagreeing`, boolean of the gate's shape; only what a term needs.
    """
    outputs: dict[str, Any] = {}
    if settings.balance_weight > 0 or settings.adversarial_weight > 0:
        outputs[CANDIDATES_MASK] = candidates_mask
    if settings.balance_weight > 0 and _has_load(gate, settings):
        outputs[LOAD] = gate.load
    if settings.adversarial_weight > 0:
        layer = DisagreeingExperts(
            settings.disagreeing_count,
            choice=settings.disagreeing_experts,
            name="adversarial.disagreeing",
        )
        outputs[SCORES], outputs[DISAGREEING] = scores, layer(gate.gate, gate.logits)
    return outputs


def regularizer_terms(gate: ExpertGate, settings: RegularizerSettings) -> list[LossTerm]:
    """The terms that have a weight, of the outputs that `regularizer_outputs` adds."""
    terms = []
    if settings.balance_weight > 0:
        terms.append(_balance_term("importance", "gate", settings))
        if _has_load(gate, settings):
            terms.append(_balance_term("load", LOAD, settings))
    if settings.adversarial_weight > 0:
        terms.append(reduced_term("adversarial", settings.adversarial_weight, settings, _distance))
    return terms


def reduced_term(
    name: str,
    weight: float,
    settings: RegularizerSettings,
    function: Callable[[Mapping[str, Any]], tuple[Any, Any]],
) -> LossTerm:
    """A term of a mean or a sum, as the settings say; `function` maps outputs to sum and count."""

    def reduced(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        del batch  # Everything is in the outputs.
        total, count = function(outputs)
        # Whoever divides takes a count of 0, over all devices together, as 1: a sum stays a sum.
        return total, count if settings.regularizer_reduction == "mean" else ops.zeros_like(count)

    return LossTerm(name, weight, reduced)


def _has_load(gate: ExpertGate, settings: RegularizerSettings) -> bool:
    # Without noise an expert is chosen or not, which has no gradient.
    return gate.load is not None and settings.gate_noise


def _balance_term(name: str, output: str, settings: RegularizerSettings) -> LossTerm:
    def function(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        del batch  # Everything is in the outputs.
        amounts, mask = outputs[output], outputs[CANDIDATES_MASK]
        # A gate per session counts once, and not where a session without candidates is padding.
        mask = ops.any(mask, axis=1) if len(amounts.shape) == 2 else mask
        return load_balance(amounts, mask)

    return LossTerm(name, settings.balance_weight, function)


def _distance(outputs: Mapping[str, Any]) -> tuple[Any, Any]:
    chosen, disagreeing = outputs["gate"] > 0, outputs[DISAGREEING]
    if len(chosen.shape) == 2:
        chosen, disagreeing = chosen[:, None], disagreeing[:, None]
    return adversarial(outputs[SCORES], chosen, disagreeing, outputs[CANDIDATES_MASK])
