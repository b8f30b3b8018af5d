"""Settings of USR."""

import dataclasses
import math
from typing import Literal

from ranking.backbones.apg import ApgSettings
from ranking.backbones.aw_moe import AwMoeBackboneSettings
from ranking.backbones.catalog import BACKBONES
from ranking.backbones.m2m import M2mSettings
from ranking.backbones.mmoe import MmoeSettings
from ranking.backbones.ple import PleSettings
from ranking.backbones.shared_bottom import SharedBottomSettings
from ranking.backbones.star import StarSettings
from ranking.models.multi_scenario_settings import MultiScenarioSettings
from ranking.setting_rules import require, require_sizes

TRIGGER_PARTS = ("view", "query", "item", "scenario_features")
SPLIT = "split"


@dataclasses.dataclass(frozen=True)
class ViewSettings(MultiScenarioSettings):
    """Settings of the interest extractor (IE) and the feature generator (FG).

    Attributes:
        interest_extractor: Whether each scenario has its own view of the user's interest.
        feature_generator: Whether each scenario has its own view of scenario-agnostic features.
        trigger: What tells a view what to look for: some of `view`, `query`, `item` and
            `scenario_features`; or `split`: the query for scenarios called search, the item for
            others, both beside `view`. Without `view` only generators `per_view` tell the scenarios
            apart, and the feature generator has none.
        condition_stop_gradient: What the interest extractor's condition leaves as it is: the `user`
            interest in it, all of the `condition`, or the interest that is multiplied (`input`).
        weight_generator: Whether `full` matrices are generated, or `low_rank` ones.
        generator_rank: The rank of those.
        generator_hidden_sizes: Hidden widths of the generator.
        generator_sharing: Whether views share the generator, or have one each (`per_view`).
        interest_bias: Whether a bias is generated as well.
        interest_activation: What follows the product.
        interest_residual: Whether the global interest is added.
        feature_gate: Whether the gate has a number for each `element` or each feature (`field`).
        feature_stop_gradient: Whether the gate leaves the features that it reads as they are.
        feature_gate_scale: What the gate, at most 1, is multiplied by.
        feature_hidden_size: Hidden width of the gate's network; `none` for a quarter of the
            width of the features.
    """

    interest_extractor: bool = True
    feature_generator: bool = True
    trigger: tuple[str, ...] = ("view", "query", "item")
    condition_stop_gradient: Literal["user", "condition", "input"] = "user"
    weight_generator: Literal["full", "low_rank"] = "full"
    generator_rank: int = 8
    generator_hidden_sizes: tuple[int, ...] = (64,)
    generator_sharing: Literal["shared", "per_view"] = "shared"
    interest_bias: bool = False
    interest_activation: Literal["none", "relu"] = "none"
    interest_residual: bool = False
    feature_gate: Literal["element", "field"] = "element"
    feature_stop_gradient: bool = True
    feature_gate_scale: float = 1.0
    feature_hidden_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "generator_hidden_sizes", "generator_rank")
        if self.feature_hidden_size is not None:
            require_sizes(self, "feature_hidden_size")
        scale, parts = self.feature_gate_scale, self.trigger
        require(0 < scale < math.inf, "feature_gate_scale", "above 0 and finite", scale)
        fits = 0 < len(parts) == len(set(parts)) and set(parts) <= set(TRIGGER_PARTS)
        rule = f"split, or some of {', '.join(TRIGGER_PARTS)}, each once"
        require(fits or parts == (SPLIT,), "trigger", rule, parts)
        rule = "split, or have view among its parts, which alone tells the views of scenarios apart"
        differ = parts == (SPLIT,) or "view" in parts or not self._views_share_weights
        require(differ, "trigger", rule, parts)

    @property
    def _views_share_weights(self) -> bool:
        """Whether views would be the same if their triggers were."""
        is_shared = self.interest_extractor and self.generator_sharing == "shared"
        return self.feature_generator or is_shared


@dataclasses.dataclass(frozen=True)
class ViewContrastSettings(ViewSettings):
    """Settings of the contrastive losses between views (equations 5 and 8).

    Attributes:
        contrastive_weight: Weight of both losses.
        interest_contrastive_weight: Weight of that between interests; `none` for the weight above.
        feature_contrastive_weight: Weight of that between features; `none` for the weight above.
        contrastive_negatives: What a view is told from: its `own` row's other view, or those of the
            whole `batch`.
        contrastive_rows: Impressions of a step that are contrasted at most, drawn at random.
        similarity: How alike two views are.
        temperature: What the similarity is divided by.
        feature_temperature: The same for features; `none` for the same number.
    """

    contrastive_weight: float = 0.05
    interest_contrastive_weight: float | None = None
    feature_contrastive_weight: float | None = None
    contrastive_negatives: Literal["own", "batch"] = "batch"
    contrastive_rows: int = 1024
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.1
    feature_temperature: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("contrastive_weight", "interest_contrastive_weight"):
            self._check_weight(name)
        self._check_weight("feature_contrastive_weight")
        require(self.contrastive_rows >= 2, "contrastive_rows", "2 or more", self.contrastive_rows)
        for name in ("temperature", "feature_temperature"):
            value = getattr(self, name)
            require(value is None or 0 < value < math.inf, name, "above 0 and finite", value)

    def _check_weight(self, name: str) -> None:
        weight = getattr(self, name)
        require(weight is None or 0 <= weight < math.inf, name, "at least 0 and finite", weight)


@dataclasses.dataclass(frozen=True)
class UsrSettings(
    ViewContrastSettings,
    SharedBottomSettings,
    MmoeSettings,
    PleSettings,
    StarSettings,
    M2mSettings,
    ApgSettings,
    AwMoeBackboneSettings,
):
    """Settings of `usr`. Those of a backbone may be changed for that backbone alone.

    Attributes:
        backbone: The multi-scenario model inside: `shared_bottom`, `mmoe`, `ple`, `star`, `m2m`,
            `apg` or `aw_moe`.
        global_label: Whether the backbone predicts global labels (GLMT) and a main network what is
            left; without it the backbone predicts the labels.
        main_hidden_sizes: Hidden widths of the main network.
        conditional_heads: Whether there is a main network `per_task`, or for each scenario and task
            (`per_scenario_task`).
        auxiliary_weight: Weight of the losses on global labels.
    """

    backbone: Literal["shared_bottom", "mmoe", "ple", "star", "m2m", "apg", "aw_moe"] = "star"
    global_label: bool = True
    main_hidden_sizes: tuple[int, ...] = (128, 64, 32)
    conditional_heads: Literal["per_task", "per_scenario_task"] = "per_task"
    auxiliary_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "main_hidden_sizes")
        weight = self.auxiliary_weight
        require(0 <= weight < math.inf, "auxiliary_weight", "at least 0 and finite", weight)
        own = _setting_names(BACKBONES[self.backbone].settings_class)
        for name, entry in BACKBONES.items():
            for field in dataclasses.fields(entry.settings_class):
                value = getattr(self, field.name)
                rule = f"{field.default!r}, because backbone {self.backbone} is not {name}"
                fits = field.name in own or value == field.default
                require(fits, field.name, rule, value)


def _setting_names(settings_class: type) -> set[str]:
    return {field.name for field in dataclasses.fields(settings_class)}
