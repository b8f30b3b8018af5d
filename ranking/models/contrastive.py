"""Contrastive learning of gates: a gate shall survive the loss of a few behaviors."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

from keras import ops

from ranking.features.spec import FeatureSpec
from ranking.layers.behavior_cropping import BehaviorCropping
from ranking.layers.behavior_masking import BehaviorMasking
from ranking.layers.behavior_reordering import BehaviorReordering
from ranking.layers.negative_sampler import NegativeSampler
from ranking.layers.random_augmentation import RandomAugmentation
from ranking.losses.info_nce import info_nce
from ranking.models.embedded_session import EmbeddedSession
from ranking.models.expert_mixture import ExpertSettings
from ranking.models.networks import LossTerm
from ranking.setting_rules import require, require_sizes


@dataclasses.dataclass(frozen=True)
class ContrastiveSettings(ExpertSettings):
    """Settings of a model with experts whose gates learn by contrast.

    Attributes:
        contrastive_weight: Weight of the contrastive term; 0 leaves it out altogether.
        augmentation: What makes the other view of a session: `mask` drops behaviors, `crop` keeps a
            stretch of them, `reorder` lets the items of a stretch change places with each other,
            `random` does one of these to each session.
        mask_probability: Chance of every behavior to be masked.
        mask_keep_one: Whether one behavior survives where there is any. Without it, masking all
            imitates a new user.
        crop_share: Share of the behaviors that a cropped session keeps.
        reorder_share: Share of the behaviors whose items change places.
        negatives: Gates of others that each gate is contrasted with.
        mask_negatives: Whether those come from the other view too.
        negative_exclusion: Whose gates are no negatives of a session: the `session`'s own, all of
            its `user`'s, or `none` but the very same gate; `auto` is user where the spec names one.
            A session whose user is not known is that user's only one.
        positive_in_denominator: Whether the positive is among what it is compared with.
        contrastive_stop_gradient: Which gates the term leaves as they are: `none`, those of the
            `original` behaviors, or those of the other view, `masked` for short.
    """

    contrastive_weight: float = 0.05
    augmentation: Literal["mask", "crop", "reorder", "random"] = "mask"
    mask_probability: float = 0.1
    mask_keep_one: bool = False
    crop_share: float = 0.6
    reorder_share: float = 0.6
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
        for name in ("crop_share", "reorder_share"):
            share = getattr(self, name)
            require(0 < share <= 1, name, "above 0 and at most 1", share)


@dataclasses.dataclass(frozen=True)
class AugmentedView:
    """Another view of the behaviors of sessions.

    Attributes:
        items: Item vectors `[B, T, Di]` where some changed places; `None` where none did.
        behaviors_mask: True at the behaviors that are left `[B, T]`.
    """

    items: Any | None
    behaviors_mask: Any


def augmented_view(
    spec: FeatureSpec, session: EmbeddedSession, settings: ContrastiveSettings
) -> AugmentedView:
    """The view that each session's gate is to recognize as its own.

    Raises:
        SettingsError: If items shall change places and behaviors have no field beside the item.
    """
    items, mask = session.behaviors, session.behaviors_mask
    kind = settings.augmentation
    require(
        kind in ("mask", "crop") or session.behavior_extras is not None,
        "augmentation",
        f"mask or crop, because behaviors of spec `{spec.name}` have no field beside the item, "
        "and a gate that adds up behaviors does not see their order",
        kind,
    )
    if kind == "mask":
        return AugmentedView(None, behavior_masking(settings)(mask))
    if kind == "crop":
        cropping = BehaviorCropping(settings.crop_share, name="contrastive.cropping")
        return AugmentedView(None, cropping(mask))
    if kind == "reorder":
        reordering = BehaviorReordering(settings.reorder_share, name="contrastive.reordering")
        return AugmentedView(reordering(items, mask), mask)
    augmentation = RandomAugmentation(
        mask_probability=settings.mask_probability,
        keep_one=settings.mask_keep_one,
        crop_share=settings.crop_share,
        reorder_share=settings.reorder_share,
        name="contrastive.augmentation",
    )
    return AugmentedView(*augmentation(items, mask))


def behavior_masking(settings: ContrastiveSettings) -> BehaviorMasking:
    """The layer that makes the masked view of a session's behaviors."""
    return BehaviorMasking(
        settings.mask_probability, keep_one=settings.mask_keep_one, name="contrastive.masking"
    )


def owner_key(spec: FeatureSpec, settings: ContrastiveSettings) -> str | None:
    """The field whose equal values are no negatives of each other; `None` for single sessions.

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
        masked_gate: Gates of the other view's behaviors, same shape.
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
