"""What every model of one task ends in."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import FeatureSpec
from ranking.models import multi_task
from ranking.models.networks import LossTerm, RankingNetworks
from ranking.settings_parser import SettingsError


def resolve_task(spec: FeatureSpec, task: str) -> str:
    """The label that a model predicts: `task`, or the first label of the spec for an empty one.

    Raises:
        SettingsError: If the spec has no such label.
    """
    if not task:
        return spec.tasks[0]
    if task not in spec.tasks:
        raise SettingsError(
            f"Setting `task` must be a label of spec `{spec.name}`. Received: task={task!r}. "
            f"{did_you_mean(task, spec.tasks)}"
        )
    return task


def score_network(
    task: str, inputs: Mapping[str, Any], logits: Any, candidates_mask: Any
) -> keras.Model:
    """Inputs -> `{task: probabilities [B, C]}`, zero at padded candidates, from logits `[B, C]`."""
    return multi_task.score_network(inputs, {task: logits}, candidates_mask)


def ranking_term(task: str) -> LossTerm:
    """The loss of equation 1 over the candidates of a batch."""
    return LossTerm("ranking", 1.0, multi_task.cross_entropy(f"logits_{task}", f"labels_{task}"))


def networks_without_gate(
    task: str,
    inputs: Mapping[str, Any],
    logits: Any,
    candidates_mask: Any,
    *,
    gate_refusal: str,
    outputs: Mapping[str, Any] = MappingProxyType({}),
    losses: Sequence[LossTerm] = (),
) -> RankingNetworks:
    """The networks of a model whose logits `[B, C]` need no gate from outside.

    Args:
        task: The label that the model predicts.
        inputs: Encoded fields by key, as `keras_inputs` makes them.
        logits: The logits of the task `[B, C]`.
        candidates_mask: True at real candidates `[B, C]`.
        gate_refusal: The sentence that says why there is no gate network.
        outputs: What the training network returns beside the logits.
        losses: Terms of the loss beside the ranking loss.
    """
    return multi_task.multi_task_networks(
        inputs,
        {task: logits},
        candidates_mask,
        gate_refusal=gate_refusal,
        losses=(ranking_term(task), *losses),
        outputs=outputs,
    )
