"""What models of several tasks end in."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
from keras import ops

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import FeatureSpec
from ranking.losses.ranking_loss import ranking_loss
from ranking.models.networks import LossFunction, LossTerm, RankingNetworks
from ranking.settings_parser import SettingsError


def resolve_tasks(spec: FeatureSpec, tasks: Sequence[str]) -> tuple[str, ...]:
    """The labels that a model predicts: `tasks`, or all labels of the spec where there are none.

    Raises:
        SettingsError: If the spec has no such label, or one is named twice.
    """
    for task in tasks:
        if task not in spec.tasks:
            raise SettingsError(
                f"Setting `tasks` must name labels of spec `{spec.name}`. Received: {task!r}. "
                f"{did_you_mean(task, spec.tasks)}"
            )
    if len(set(tasks)) < len(tasks):
        raise SettingsError(f"Setting `tasks` must name each label once. Received: tasks={tasks!r}")
    return tuple(tasks) or spec.tasks


def task_terms(
    prefix: str,
    tasks: Sequence[str],
    scenarios: Sequence[int] | None,
    scenario_key: str,
    *,
    logits: str = "logits",
    labels: str = "",
    weight: float = 1.0,
) -> list[LossTerm]:
    """The cross-entropy of each task, over all rows or as a mean for each scenario.

    Args:
        prefix: What the names of the terms begin with.
        tasks: The labels.
        scenarios: The ids of the scenarios whose means are added up; `None` for one mean over all
            rows.
        scenario_key: Where a batch has the scenario's id `[B]`.
        logits: Outputs `<logits>_<task>` are compared with
        labels: the labels `labels_<task><labels>`.
        weight: Weight of every term.
    """
    return [
        LossTerm(
            f"{prefix}_{task}" if scenario is None else f"{prefix}_{task}_{scenario}",
            weight,
            cross_entropy(f"{logits}_{task}", f"labels_{task}{labels}", scenario, scenario_key),
        )
        for task in tasks
        for scenario in ([None] if scenarios is None else scenarios)
    ]


def multi_task_networks(
    inputs: Mapping[str, Any],
    logits: Mapping[str, Any],
    candidates_mask: Any,
    *,
    gate_refusal: str,
    losses: Sequence[LossTerm],
    outputs: Mapping[str, Any] = MappingProxyType({}),
    label_keys: Sequence[str] = (),
) -> RankingNetworks:
    """The networks of a model with logits `[B, C]` for each task and no gate from outside.

    Args:
        inputs: Encoded fields by key, as `keras_inputs` makes them.
        logits: The logits `[B, C]` by task.
        candidates_mask: True at real candidates `[B, C]`.
        gate_refusal: The sentence that says why there is no gate network.
        losses: The terms of the loss.
        outputs: What the training network returns beside the logits.
        label_keys: What the losses read of a batch beside the labels of the tasks.
    """
    outputs = {**outputs, **{f"logits_{task}": values for task, values in logits.items()}}
    return RankingNetworks(
        training=keras.Model(dict(inputs), outputs, name="training"),
        score=score_network(inputs, logits, candidates_mask),
        gate=None,
        gate_refusal=gate_refusal,
        losses=tuple(losses),
        tasks=tuple(logits),
        label_keys=tuple(label_keys),
    )


def score_network(
    inputs: Mapping[str, Any], logits: Mapping[str, Any], candidates_mask: Any
) -> keras.Model:
    """Inputs -> `{task: probabilities [B, C]}`, zero at padded candidates, from logits by task."""
    probabilities = {
        task: ops.where(candidates_mask, ops.sigmoid(values), 0.0)
        for task, values in logits.items()
    }
    return keras.Model(dict(inputs), probabilities, name="score")


def cross_entropy(
    logits: str, labels: str, scenario: int | None = None, scenario_key: str = ""
) -> LossFunction:
    """The loss of an output `logits` against the labels `labels` of a batch, both by key; of the
    sessions of one scenario alone where there is one."""

    def function(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        lengths = batch["candidates_length"]
        if scenario is not None:
            lengths = ops.where(ops.equal(batch[scenario_key], scenario), lengths, 0)
        return ranking_loss(outputs[logits], batch[labels], lengths)

    return function
