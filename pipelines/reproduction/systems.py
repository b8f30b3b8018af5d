"""What the AW-MoE paper compares, as data: one line for each system."""

from collections.abc import Sequence
from types import MappingProxyType

from pipelines.reproduction.system import TFRS, TREES, System

COMPARISON, ABLATION, SWEEPS, YARDSTICKS = "comparison", "ablation", "sweeps", "yardsticks"
PARTS = (COMPARISON, ABLATION, SWEEPS, YARDSTICKS)


def _gate(unit: bool, activation_unit: bool) -> dict[str, str]:
    typed = {True: "true", False: "false"}
    return {"gate_unit": typed[unit], "gate_activation_unit": typed[activation_unit]}


_NO_CONTRAST = {"contrastive_weight": "0"}
_WHOLE = {**_gate(True, True), **_NO_CONTRAST}
_BASE = {**_gate(False, False), **_NO_CONTRAST}
_GU = {**_gate(True, False), **_NO_CONTRAST}
_AU = {**_gate(False, True), **_NO_CONTRAST}

CENTER = "aw_moe_cl"
SWEPT = MappingProxyType(
    {
        "mask_probability": (0.01, 0.05, 0.1, 0.2, 0.3),
        "negatives": (1, 2, 3, 5, 8),
        "contrastive_weight": (0.01, 0.02, 0.05, 0.1, 0.2),
    }
)
"""Figure 8: values of each setting; the other settings stay those of the center."""


def swept_system(setting: str, value: float) -> System:
    """A point of Figure 8: the center with one setting changed."""
    return System(
        f"{CENTER}-{setting}={value}",
        f"AW-MoE & CL, {setting} {value}",
        "aw_moe",
        (SWEEPS,),
        {**_gate(True, True), setting: str(value)},
        base=CENTER,
        is_swept=True,
    )


SYSTEMS = MappingProxyType(
    {
        system.name: system
        for system in (
            System("dnn", "DNN", "dnn", (COMPARISON,)),
            System("din", "DIN", "din", (COMPARISON,)),
            System("category_moe", "Category-MoE", "category_moe", (COMPARISON,)),
            System("aw_moe", "AW-MoE", "aw_moe", (COMPARISON, ABLATION), _WHOLE),
            System(CENTER, "AW-MoE & CL", "aw_moe", (COMPARISON, SWEEPS), _gate(True, True)),
            System("aw_moe_base", "Base", "aw_moe", (ABLATION,), _BASE, base="aw_moe"),
            System("aw_moe_gu", "Base+GU", "aw_moe", (ABLATION,), _GU, base="aw_moe"),
            System("aw_moe_au", "Base+AU", "aw_moe", (ABLATION,), _AU, base="aw_moe"),
            *(swept_system(name, value) for name, values in SWEPT.items() for value in values),
            System("gbdt", "Gradient-boosted trees", "gbdt", (YARDSTICKS,), program=TREES),
            System("tfrs_dcn", "DCN-v2 (TFRS)", "tfrs_dcn", (YARDSTICKS,), program=TFRS),
            System("tfrs_dlrm", "DLRM (TFRS)", "tfrs_dlrm", (YARDSTICKS,), program=TFRS),
        )
    }
)
"""All systems by name, in the order in which they are trained and shown."""


def systems_of(parts: Sequence[str]) -> list[System]:
    """The systems that some parts of the reproduction need.

    Example:
        >>> [system.name for system in systems_of(["ablation"])]
        ['aw_moe', 'aw_moe_base', 'aw_moe_gu', 'aw_moe_au']
    """
    return [system for system in SYSTEMS.values() if set(system.parts) & set(parts)]
