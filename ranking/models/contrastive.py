"""Contrastive learning of gates: a gate shall survive the loss of a few behaviors."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from keras import ops

from ranking.features.spec import FeatureSpec
from ranking.layers.behavior_masking import BehaviorMasking
from ranking.layers.negative_sampler import NegativeSampler
from ranking.losses.info_nce import info_nce
from ranking.models.expert_mixture import ExpertSettings
from ranking.models.networks import LossTerm
from ranking.models.setting_rules import require, require_sizes


@dataclasses.dataclass(frozen=True)
class ContrastiveSettings(ExpertSettings):
    """Settings of a model with experts whose gates learn by contrast.

    Attributes:
        contrastive_weight: Weight of the contrastive term; 0 leaves it out altogether.
        mask_probability: Chance of every behavior to be masked.
        mask_keep_one: Whether one behavior survives where there is any. Without it, masking all
            imitates a new user.
        negatives: Gates of others that each gate is contrasted with.
        mask_negatives: Whether those come from masked behaviors too.
        negative_exclusion: Whose gates are no negatives of a session: the `session`'s own, all of
            its `user`'s, or `none` but the very same gate; `auto` is user where the spec names one.
        positive_in_denominator: Whether the positive is among what it is compared with.
        contrastive_stop_gradient: Which gates the term leaves as they are: `none`, those of the
            `original` behaviors, or those of the `masked`.
    """

    contrastive_weight: float = 0.05
    mask_probability: float = 0.1
    mask_keep_one: bool = False
    negatives: int = 3
    mask_negatives: bool = False
    negative_exclusion: Literal["auto", "session", "user", "none"] = "auto"
    positive_in_denominator: bool = True
    contrastive_stop_gradient: Literal["none", "original", "masked"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "negatives")
        weight, chance = self.contrastive_weight, self.mask_probability
        require(0 <= weight < math.inf, "contrastive_weight", "at least 0 and finite", weight)
        require(0 <= chance < 1, "mask_probability", "at least 0 and below 1", chance)


def behavior_masking(settings: ContrastiveSettings) -> BehaviorMasking:
    """The layer that makes the masked view of a session's behaviors."""
    return BehaviorMasking(
        settings.mask_probability, keep_one=settings.mask_keep_one, name="contrastive.masking"
    )


def owner_key(spec: FeatureSpec, settings: ContrastiveSettings) -> str | None:
    """The metadata whose equal values are no negatives of each other; `None` for single sessions.

    Raises:
        SettingsError: If users shall be told apart and the spec names none.
    """
    user = spec.roles.user_id
    require(
        settings.negative_exclusion != "user" or user is not None,
        "negative_exclusion",
        f"auto, session or none, because spec `{spec.name}` has no `roles: user_id`",
        settings.negative_exclusion,
    )
    return user if settings.negative_exclusion in ("auto", "user") else None


def contrastive_outputs(
    gate: Any, masked_gate: Any, owner: Any, candidates_mask: Any, settings: ContrastiveSettings
) -> dict[str, Any]:
    """What the contrastive term needs, one row per gate.

    Shapes: B sessions, C candidates, K experts, N gates (B, or B * C where gates are per
    candidate), L negatives.

    Args:
        gate: Gates of the original behaviors `[B, K]` or `[B, C, K]`.
        masked_gate: Gates of the masked behaviors, same shape.
        owner: Who each session belongs to, integer `[B]`.
        candidates_mask: True at real candidates `[B, C]`. A session without any is padding.
        settings: How negatives are drawn.

    Returns:
        `anchors` and `positives` `[N, K]`, `negatives` `[N, L, K]`, and True where they are real:
        `anchors_mask` `[N]` and `negatives_mask` `[N, L]`.
    """
    if len(gate.shape) == 3:
        owners = ops.reshape(ops.where(candidates_mask, owner[:, None], -1), (-1,))
        anchors_mask = ops.reshape(candidates_mask, (-1,))
    else:
        owners, anchors_mask = owner, ops.any(candidates_mask, axis=1)
    if settings.negative_exclusion == "none":
        owners = ops.cumsum(ops.ones_like(owners))
    anchors, positives = (ops.reshape(rows, (-1, settings.experts)) for rows in (gate, masked_gate))
    if settings.contrastive_stop_gradient == "original":
        anchors = ops.stop_gradient(anchors)
    elif settings.contrastive_stop_gradient == "masked":
        positives = ops.stop_gradient(positives)
    sampler = NegativeSampler(settings.negatives, name="contrastive.negatives")
    rows, negatives_mask = sampler(owners, anchors_mask)
    return {
        "anchors": anchors,
        "positives": positives,
        "negatives": ops.take(positives if settings.mask_negatives else anchors, rows, axis=0),
        "anchors_mask": anchors_mask,
        "negatives_mask": negatives_mask,
    }


def contrastive_term(settings: ContrastiveSettings) -> LossTerm:
    """The loss of equation 10 over the gates of a batch, weighted as in equation 11."""

    def function(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        del batch  # Everything is in the outputs.
        return info_nce(
            outputs["anchors"],
            outputs["positives"],
            outputs["negatives"],
            anchors_mask=outputs["anchors_mask"],
            negatives_mask=outputs["negatives_mask"],
            positive_in_denominator=settings.positive_in_denominator,
        )

    return LossTerm("contrastive", settings.contrastive_weight, function)
