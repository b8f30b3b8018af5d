"""For every setting of every model a value that must change something, and where it does."""

import dataclasses
import functools
from typing import Any

from ranking.features.spec import FeatureSpec
from ranking.models.catalog import MODELS
from tests.helpers.model_spec import encoded_batch, equal_widths_spec, hierarchy_spec
from tests.helpers.network_checks import fingerprint

SMALL = {
    "hidden_size": 5,
    "activation_hidden_sizes": (3,),
    "hidden_sizes": (7, 3),
    "gate_hidden_sizes": (7, 2),
    "experts": 5,
    "expert_hidden_sizes": (7, 2),
    "mask_probability": 0.5,
    "embedding_size": 6,
    "feature_size": 5,
    "sequence_heads": 3,
    "backbone_hidden_sizes": (7, 5, 3),
    "main_hidden_sizes": (5, 3),
    "generator_hidden_sizes": (7,),
    "backbone": "shared_bottom",
}
SHARES = {"gate_normalization": "softmax"}
SPARSE = {"gate_top_k": 2, **SHARES}
CHOICE = {"category_top_k": 2}
ADVERSARIAL = {**CHOICE, "adversarial_weight": 0.5}
HIERARCHY = {"hsc_weight": 0.5}
LOW_RANK = {"weight_generator": "low_rank"}
CROPPED, REORDERED = {"augmentation": "crop"}, {"augmentation": "reorder"}


@dataclasses.dataclass(frozen=True)
class Case:
    """A setting's `value` that changes something beside the settings in `beside`; those in
    `together` must change with it."""

    value: Any
    beside: tuple[tuple[str, Any], ...] = ()
    together: tuple[tuple[str, Any], ...] = ()
    spec: str = "hierarchy"


def _case(
    value: Any,
    beside: dict[str, Any] | None = None,
    *,
    together: dict[str, Any] | None = None,
    spec: str = "hierarchy",
) -> Case:
    return Case(value, tuple((beside or {}).items()), tuple((together or {}).items()), spec)


# By the class that declares the setting, in its order.
CASES: dict[str, dict[str, Case]] = {
    "InputSettings": {
        "task": _case("order"),
        "hidden_size": _case(3),
        "input_mlp": _case("shared", spec="equal widths"),
        "input_layers": _case(2),
        "dropout": _case(0.5),
        "embedding_dropout": _case(0.5),
    },
    "AttentionSettings": {
        "activation_hidden_sizes": _case((2,)),
        "attention_normalization": _case("softmax"),
        "attention_scale": _case("sqrt_length"),
    },
    "ExpertSettings": {
        "experts": _case(2),
        "expert_hidden_sizes": _case((2,)),
        "expert_batch_norm": _case(True),
    },
    "SparseGateSettings": {
        "gate_noise": _case(False, CHOICE),
        "gate_noise_scale": _case("clip", CHOICE),
    },
    "RegularizerSettings": {
        "balance_weight": _case(0.5, CHOICE),
        "adversarial_weight": _case(0.5, CHOICE),
        "disagreeing_experts": _case("bottom", ADVERSARIAL),
        "disagreeing_count": _case(2, ADVERSARIAL),
        "regularizer_reduction": _case("sum", ADVERSARIAL),
    },
    "CategoryMoeSettings": {
        "category_top_k": _case(2),
        "hsc_weight": _case(0.5),
        "top_category_gate": _case("shared", HIERARCHY),
    },
    "GateSettings": {
        "gate_context": _case("target"),
        "gate_hidden_sizes": _case((2,)),
        "gate_normalization": _case("softmax"),
        "gate_bias": _case(False),
        "gate_unit": _case(False),
        "gate_activation_unit": _case(False),
        "gate_top_k": _case(2, SHARES),
    },
    "ContrastiveSettings": {
        "contrastive_weight": _case(0.7),
        "augmentation": _case("random"),
        "mask_probability": _case(0.3),
        "mask_keep_one": _case(True, {"mask_probability": 0.99}),
        "crop_share": _case(0.2, CROPPED),
        "reorder_share": _case(0.3, REORDERED),
        "negatives": _case(2),
        "mask_negatives": _case(True),
        "negative_exclusion": _case("none"),
        "positive_in_denominator": _case(False),
        "contrastive_stop_gradient": _case("masked"),
    },
    "AwMoeSettings": {"score_sigmoid": _case("expert", SHARES)},
    "BackboneSettings": {"backbone_hidden_sizes": _case((5, 3, 2))},
    "TowerSettings": {"tower_layers": _case(2)},
    "MultiScenarioSettings": {
        "tasks": _case(("order",)),
        "embedding_size": _case(12),
        "feature_size": _case(3),
        "append_item": _case(False),
        "dropout": _case(0.5),
        "embedding_dropout": _case(0.5),
        "sequence_layers": _case(2),
        "sequence_heads": _case(2),
        "sequence_output": _case("mean"),
        "sequence_position": _case("time_difference", together={"sequence_time": "days_ago"}),
        "sequence_position_merge": _case("concat"),
        "sequence_feed_forward_size": _case(5),
        "sequence_time": _case("days_ago", together={"sequence_position": "time_difference"}),
        "scenario_balanced": _case(True),
    },
    "MmoeSettings": {"mmoe_experts": _case(3)},
    "PleSettings": {
        "ple_levels": _case(1),
        "ple_shared_experts": _case(3),
        "ple_specific_experts": _case(2),
    },
    "StarSettings": {
        "star_auxiliary_hidden_sizes": _case((5,)),
        "star_scenario_size": _case(3),
        "star_momentum": _case(0.5),
    },
    "M2mSettings": {
        "m2m_experts": _case(3),
        "m2m_scenario_size": _case(5),
        "m2m_unit_layers": _case(2),
        "m2m_tower_layers": _case(2),
        "m2m_meta_units": _case("per_task"),
    },
    "ApgSettings": {
        "apg_condition": _case("self"),
        "apg_rank": _case(3),
        "apg_inner_size": _case(11),
        "apg_scenario_size": _case(3),
    },
    "AwMoeBackboneSettings": {
        "aw_moe_experts": _case(3),
        "aw_moe_gate_hidden_sizes": _case((3,)),
        "aw_moe_attention_normalization": _case("softmax"),
    },
    "ViewSettings": {
        "interest_extractor": _case(False),
        "feature_generator": _case(False),
        "trigger": _case(("view", "scenario_features")),
        "condition_stop_gradient": _case("input"),
        "weight_generator": _case("low_rank"),
        "generator_rank": _case(2, LOW_RANK),
        "generator_hidden_sizes": _case((3,)),
        "generator_sharing": _case("per_view"),
        "interest_bias": _case(True),
        "interest_activation": _case("relu"),
        "interest_residual": _case(True),
        "feature_gate": _case("field"),
        "feature_stop_gradient": _case(False),
        "feature_gate_scale": _case(2.0),
        "feature_hidden_size": _case(3),
    },
    "ViewContrastSettings": {
        "contrastive_weight": _case(0.7),
        "interest_contrastive_weight": _case(0.7),
        "feature_contrastive_weight": _case(0.7),
        "contrastive_negatives": _case("own"),
        "contrastive_rows": _case(3),
        "similarity": _case("dot"),
        "temperature": _case(0.7),
        "feature_temperature": _case(0.7),
    },
    "UsrSettings": {
        "backbone": _case("mmoe"),
        "global_label": _case(False),
        "main_hidden_sizes": _case((3, 2)),
        "conditional_heads": _case("per_scenario_task"),
        "auxiliary_weight": _case(0.5),
    },
    "DinSettings": {"hidden_sizes": _case((2,)), "batch_norm": _case(True)},
    "DnnSettings": {"hidden_sizes": _case((2,)), "batch_norm": _case(True)},
}


def declared_settings(model: str) -> dict[str, str]:
    """The settings of a model, with the name of the class that declares each."""
    declared: dict[str, str] = {}
    for kind in reversed(MODELS[model].settings_class.__mro__[:-1]):
        declared |= dict.fromkeys(vars(kind).get("__annotations__", ()), kind.__name__)
    return declared


def settings_of(*models: str) -> list[tuple[str, str, str]]:
    """Model, class and setting, for every setting that none of the models before it in the
    catalog declares: what a class does with its settings is written once."""
    where = {
        (kind, name): model
        for model in reversed(MODELS)
        for name, kind in declared_settings(model).items()
    }
    return [(model, kind, name) for (kind, name), model in where.items() if model in models]


def check_changes_something(model: str, kind: str, name: str) -> None:
    """Checks that the setting's case is not the default and computes something else."""
    case = CASES[kind][name]
    assert case.value != getattr(MODELS[model].settings_class(), name)
    before = case_fingerprint(model, case.spec, case.beside)
    changed = (*case.beside, *case.together, (name, case.value))
    after = case_fingerprint(model, case.spec, changed)
    assert before != after


@functools.cache
def case_fingerprint(model: str, spec: str, settings: tuple[tuple[str, Any], ...]) -> list[Any]:
    """Everything that these settings beside small sizes can change, gradients too."""
    settings_class = MODELS[model].settings_class
    names = {field.name for field in dataclasses.fields(settings_class)}
    chosen = {name: value for name, value in SMALL.items() if name in names} | dict(settings)
    resolved = _specs()[spec]
    return fingerprint(model, resolved, settings_class(**chosen), encoded_batch(resolved))


@functools.cache
def _specs() -> dict[str, FeatureSpec]:
    whole = hierarchy_spec(scenario="grade", scenario_features=("spend",))
    return {
        "hierarchy": dataclasses.replace(whole, global_window="train"),
        "equal widths": equal_widths_spec(),
    }
