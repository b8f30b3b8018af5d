"""USR: search and recommendation in one model, around any multi-scenario backbone."""

from typing import Any

import keras
from keras import ops

from ranking.backbones.catalog import backbone_logits
from ranking.features.inputs import keras_inputs
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from ranking.layers.conditional_logit import conditional_logit
from ranking.layers.expert_bank import ExpertBank
from ranking.models.multi_scenario import GATE_REFUSAL, appended, backbone_input
from ranking.models.multi_scenario_input import (
    ScenarioSession,
    encode_scenario_session,
    scenario_ids,
)
from ranking.models.multi_task import multi_task_networks, resolve_tasks, task_terms
from ranking.models.networks import LossTerm, RankingNetworks
from ranking.models.usr_contrast import contrast_outputs, contrast_terms
from ranking.models.usr_settings import UsrSettings
from ranking.models.usr_views import scenario_views
from ranking.settings_parser import SettingsError

_GLOBAL = "_global"  # as labels are called that count in any scenario


def usr(spec: FeatureSpec, settings: UsrSettings) -> RankingNetworks:
    """The unified search and recommendation framework (section 3).

    Raises:
        SettingsError: If a setting does not fit the spec.
    """
    tasks = resolve_tasks(spec, settings.tasks)
    _check_global_labels(spec, settings)
    inputs = keras_inputs(spec, (SESSION, BEHAVIORS, CANDIDATES))
    session = encode_scenario_session(spec, inputs, settings)
    views = scenario_views(spec, session, settings)
    outputs = contrast_outputs(views, session.candidates_mask, settings)

    main = session.joined(  # x_m, equation 10
        session.interest,
        session.scenario_features,
        views.own_interest,
        views.own_features,
        *appended(session, settings),
    )
    if settings.global_label:
        auxiliary = session.joined(  # x_a, equation 11
            session.interest,
            session.scenario_features,
            views.all_interests,
            views.all_features,
            *appended(session, settings),
        )
        global_logits = _backbone_logits(session, auxiliary, settings, len(tasks))
        conditional = _conditional_logits(main, session, settings, len(tasks))
        logits = conditional_logit(global_logits, conditional)  # equation 12
        outputs |= {f"global_logits_{task}": global_logits[..., j] for j, task in enumerate(tasks)}
    else:
        logits = _backbone_logits(session, main, settings, len(tasks))
    return multi_task_networks(
        inputs,
        {task: logits[..., j] for j, task in enumerate(tasks)},
        session.candidates_mask,
        gate_refusal=GATE_REFUSAL,
        losses=_losses(spec, tasks, settings),
        outputs=outputs,
        label_keys=_label_keys(tasks, settings),
    )


def _check_global_labels(spec: FeatureSpec, settings: UsrSettings) -> None:
    if settings.global_label and spec.global_window is None:
        raise SettingsError(
            f"Spec `{spec.name}` must have global labels (`labels: {{global: {{window: day}}}}`) "
            "for `usr`. Add them and prepare the data again, or set global_label=false."
        )


def _backbone_logits(
    session: ScenarioSession, vectors: Any, settings: UsrSettings, num_tasks: int
) -> Any:
    read = backbone_input(session, vectors, settings)
    return backbone_logits(settings.backbone, read, settings, num_tasks, "backbone")


def _conditional_logits(
    vectors: Any, session: ScenarioSession, settings: UsrSettings, num_tasks: int
) -> Any:
    """The main network: logits `[B, C, J]` of the label given the global label."""
    vectors = keras.layers.Dropout(settings.dropout, name="main.dropout")(vectors)
    scenarios = session.scenario.shape[-1]
    count = num_tasks * (scenarios if settings.conditional_heads == "per_scenario_task" else 1)
    heads = ExpertBank(count, hidden_sizes=settings.main_hidden_sizes, name="main.heads")
    logits = ops.cast(heads(vectors), "float32")
    if count == num_tasks:
        return logits
    # What the bank returns is scenario by scenario, task by task within.
    of_task = [logits[..., j::num_tasks] * session.scenario[:, None, :] for j in range(num_tasks)]
    return ops.stack([ops.sum(each, axis=-1) for each in of_task], axis=-1)


def _losses(spec: FeatureSpec, tasks: tuple[str, ...], settings: UsrSettings) -> list[LossTerm]:
    """Equation 15."""
    scenarios = scenario_ids(spec) if settings.scenario_balanced else None
    scenario_key = str(spec.roles.scenario)
    terms = task_terms("ranking", tasks, scenarios, scenario_key)
    if settings.global_label:
        terms += task_terms(
            "global",
            tasks,
            scenarios,
            scenario_key,
            logits="global_logits",
            labels=_GLOBAL,
            weight=settings.auxiliary_weight,
        )
    return [*terms, *contrast_terms(settings)]


def _label_keys(tasks: tuple[str, ...], settings: UsrSettings) -> list[str]:
    return [f"labels_{task}{_GLOBAL}" for task in tasks] if settings.global_label else []
