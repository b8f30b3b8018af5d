"""The backbones by name: multi-scenario models that read vectors and return logits."""

import dataclasses
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from keras import ops

from ranking.backbones.apg import ApgSettings, make_apg
from ranking.backbones.aw_moe import AwMoeBackboneSettings, make_aw_moe
from ranking.backbones.m2m import M2mSettings, make_m2m
from ranking.backbones.mmoe import MmoeSettings, make_mmoe
from ranking.backbones.ple import PleSettings, make_ple
from ranking.backbones.shared_bottom import SharedBottomSettings, make_shared_bottom
from ranking.backbones.star import StarSettings, make_star


@dataclasses.dataclass(frozen=True)
class BackboneInput:
    """What backbones read. Shapes: B sessions, T behaviors, C candidates, S scenarios.

    Attributes:
        vectors: What is known of each candidate `[B, C, D]`.
        scenario: Which scenario each session is of `[B, S]`, see `ScenarioWeights`.
        candidates_mask: True at real candidates `[B, C]`.
        context: What is known of the session `[B, Dc]`, or `None`.
        behaviors: What the user did before `[B, T, d]`.
        behaviors_mask: True at real behaviors `[B, T]`.
        query: What the user asked for `[B, d]`, or `None`.
    """

    vectors: Any
    scenario: Any
    candidates_mask: Any
    context: Any
    behaviors: Any
    behaviors_mask: Any
    query: Any


@dataclasses.dataclass(frozen=True)
class BackboneEntry:
    """A backbone of the catalog.

    Attributes:
        make: Maps settings, the number of tasks and a name to its layer.
        settings_class: Its settings, a frozen dataclass whose attributes have defaults.
        summary: What it is, in one line.
        reads_behaviors: Whether its layer takes behaviors, their mask and the query in the place
            of the context.
    """

    make: Callable[[Any, int, str], Any]
    settings_class: type
    summary: str
    reads_behaviors: bool = False


BACKBONES = MappingProxyType(
    {
        "shared_bottom": BackboneEntry(
            make_shared_bottom, SharedBottomSettings, "one bottom, a tower for every scenario"
        ),
        "mmoe": BackboneEntry(
            make_mmoe, MmoeSettings, "experts for all, a gate and a tower for every scenario"
        ),
        "ple": BackboneEntry(
            make_ple, PleSettings, "levels of shared and own experts, a tower for every scenario"
        ),
        "star": BackboneEntry(
            make_star, StarSettings, "shared weights times own weights, own normalization"
        ),
        "m2m": BackboneEntry(
            make_m2m, M2mSettings, "experts and towers whose weights the scenario generates"
        ),
        "apg": BackboneEntry(
            make_apg, ApgSettings, "layers whose low-rank core the scenario generates"
        ),
        "aw_moe": BackboneEntry(
            make_aw_moe,
            AwMoeBackboneSettings,
            "experts picked by behaviors, query and scenario",
            reads_behaviors=True,
        ),
    }
)


def backbone_logits(
    backbone: str, read: BackboneInput, settings: Any, num_tasks: int, name: str
) -> Any:
    """What a backbone reads -> logits `[B, C, J]` for J tasks, float32."""
    entry = BACKBONES[backbone]
    layer = entry.make(settings, num_tasks, name)
    common = (read.vectors, read.scenario, read.candidates_mask)
    if entry.reads_behaviors:
        logits = layer(*common, read.behaviors, read.behaviors_mask, read.query)
    else:
        logits = layer(*common, read.context)
    return ops.cast(logits, "float32")
