"""Base models of several scenarios: one backbone reads everything and predicts every task."""

import dataclasses
from typing import Any

import keras

from ranking.backbones.apg import ApgSettings
from ranking.backbones.aw_moe import AwMoeBackboneSettings
from ranking.backbones.catalog import BackboneInput, backbone_logits
from ranking.backbones.m2m import M2mSettings
from ranking.backbones.mmoe import MmoeSettings
from ranking.backbones.ple import PleSettings
from ranking.backbones.shared_bottom import SharedBottomSettings
from ranking.backbones.star import StarSettings
from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.models.multi_scenario_input import (
    ScenarioSession,
    encode_scenario_session,
    scenario_ids,
)
from ranking.models.multi_scenario_settings import MultiScenarioSettings
from ranking.models.multi_task import multi_task_networks, resolve_tasks, task_terms
from ranking.models.networks import RankingNetworks

GATE_REFUSAL = (
    "Models of several scenarios compare every behavior with the target item first, so no gate can "
    "be computed once per session."
)


@dataclasses.dataclass(frozen=True)
class SharedBottomModelSettings(MultiScenarioSettings, SharedBottomSettings):
    """Settings of `shared_bottom`."""


@dataclasses.dataclass(frozen=True)
class MmoeModelSettings(MultiScenarioSettings, MmoeSettings):
    """Settings of `mmoe`."""


@dataclasses.dataclass(frozen=True)
class PleModelSettings(MultiScenarioSettings, PleSettings):
    """Settings of `ple`."""


@dataclasses.dataclass(frozen=True)
class StarModelSettings(MultiScenarioSettings, StarSettings):
    """Settings of `star`."""


@dataclasses.dataclass(frozen=True)
class M2mModelSettings(MultiScenarioSettings, M2mSettings):
    """Settings of `m2m`."""


@dataclasses.dataclass(frozen=True)
class ApgModelSettings(MultiScenarioSettings, ApgSettings):
    """Settings of `apg`."""


@dataclasses.dataclass(frozen=True)
class AwMoeBackboneModelSettings(MultiScenarioSettings, AwMoeBackboneSettings):
    """Settings of `aw_moe_backbone`."""


def backbone_model(
    spec: FeatureSpec, settings: MultiScenarioSettings, backbone: str
) -> RankingNetworks:
    """A multi-scenario model by itself, row Base of the USR paper's table 1.

        p[k, j] = sigmoid(backbone(u || e_ss || e_sa || e_i || e_q))

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    tasks = resolve_tasks(spec, settings.tasks)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = encode_scenario_session(spec, inputs, settings)
    vectors = session.joined(
        session.interest,
        session.scenario_features,
        session.agnostic_features,
        *appended(session, settings),
    )
    read = backbone_input(session, vectors, settings)
    logits = backbone_logits(backbone, read, settings, len(tasks), "backbone")
    scenarios = scenario_ids(spec) if settings.scenario_balanced else None
    return multi_task_networks(
        inputs,
        {task: logits[..., j] for j, task in enumerate(tasks)},
        session.candidates_mask,
        gate_refusal=GATE_REFUSAL,
        losses=task_terms("ranking", tasks, scenarios, str(spec.roles.scenario)),
    )


def appended(session: ScenarioSession, settings: MultiScenarioSettings) -> tuple[Any, ...]:
    """Item and query, where the networks that predict shall read them."""
    return (session.item, session.query) if settings.append_item else ()


def backbone_input(
    session: ScenarioSession, vectors: Any, settings: MultiScenarioSettings
) -> BackboneInput:
    """What a backbone reads: `vectors` `[B, C, D]`, and whose they are."""
    dropout = keras.layers.Dropout(settings.dropout, name="backbone.dropout")
    return BackboneInput(
        vectors=dropout(vectors),
        scenario=session.scenario,
        candidates_mask=session.candidates_mask,
        context=session.context,
        behaviors=session.behaviors,
        behaviors_mask=session.behaviors_mask,
        query=session.query,
    )
