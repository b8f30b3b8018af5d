"""MMoE: experts for all scenarios, and a gate and a tower for every scenario and task."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.backbones.backbone_settings import TowerSettings, split_hidden_sizes
from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.expert_gates import ExpertGates, check_experts
from ranking.layers.mix_experts import mix_experts
from ranking.layers.scenario_towers import ScenarioTowers
from ranking.layers.stacked_mlp import StackedMlp
from ranking.setting_rules import require


@keras.saving.register_keras_serializable(package="ranking")
class Mmoe(keras.layers.Layer):
    """Scores candidates by gated experts: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        gate[s, j] = softmax(W[s, j] x)
        f[s, j] = sum_k gate[s, j]_k expert_k(x)
        logit[s, j] = tower[s, j](f[s, j])

    Every scenario and task is a task of the paper: it has a gate and a tower of its own, and all
    share the experts. Gates are linear in x, without bias and without normalization.

    A session gets the logits of its own scenario; one of no known scenario gets the mean of the
    scenarios' logits (see `ScenarioTowers`).

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        num_experts: Number of experts, at least 2.
        hidden_sizes: Sizes of each expert's layers, all with ReLU.
        tower_hidden_sizes: Sizes of each tower's hidden layers; none for a linear tower.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, C, D)`.
        scenario: Float tensor `(B, S)`, see `ScenarioWeights`.
        candidates_mask: Boolean tensor `(B, C)`, `True` at real candidates.
        context: Not read: other backbones take the session's vector here.

    Returns:
        Float tensor `(B, C, J)`; finite at padded candidates.

    Raises:
        ValueError: If an argument is out of range, or if a last dimension is unknown.

    Example:
    >>> from ranking.layers.scenario_weights import ScenarioWeights
    >>> scenario = ScenarioWeights(2)(keras.ops.convert_to_tensor([2, 3, 3]))
    >>> layer = Mmoe(2, num_experts=4, hidden_sizes=(8,), tower_hidden_sizes=(4,))
    >>> layer(keras.ops.ones((3, 5, 7)), scenario, keras.ops.ones((3, 5), "bool")).shape
    TensorShape([3, 5, 2])

    Reference:
        Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts,
        equations 6 to 8.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        num_experts: int = 4,
        hidden_sizes: Sequence[int] = (128, 64),
        tower_hidden_sizes: Sequence[int] = (32,),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("tower_hidden_sizes", tower_hidden_sizes)
        check_experts("num_experts", num_experts)
        self.num_tasks = num_tasks
        self.num_experts = num_experts
        self.hidden_sizes = tuple(hidden_sizes)
        self.tower_hidden_sizes = tuple(tower_hidden_sizes)
        common = {"dtype": self.dtype_policy}
        self.experts = StackedMlp((num_experts,), self.hidden_sizes, name="experts", **common)
        self.towers = ScenarioTowers(
            num_tasks, hidden_sizes=self.tower_hidden_sizes, name="towers", **common
        )

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> None:
        self.towers.build((*vectors_shape[:-1], self.hidden_sizes[-1]), scenario_shape)
        rows_shape = (None, vectors_shape[-1])
        self.experts.build(rows_shape)
        stack = (scenario_shape[-1], self.num_tasks)
        self.gates = ExpertGates(stack, self.num_experts, dtype=self.dtype_policy, name="gates")
        self.gates.build(rows_shape)
        self.built = True

    def call(self, vectors: Any, scenario: Any, candidates_mask: Any, context: Any = None) -> Any:
        sessions, candidates, width = ops.shape(vectors)
        cleared = clear_padding(vectors, candidates_mask)
        rows = ops.reshape(cleared, (sessions * candidates, width))
        mixed = mix_experts(self.gates(rows), self.experts(rows))  # (S * J, B * C, size)
        shape = (*self.gates.stack, sessions, candidates, self.hidden_sizes[-1])
        return self.towers(ops.reshape(mixed, shape), scenario)

    def compute_output_shape(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> tuple[int | None, ...]:
        return (*vectors_shape[:-1], self.num_tasks)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "num_experts": self.num_experts,
            "hidden_sizes": self.hidden_sizes,
            "tower_hidden_sizes": self.tower_hidden_sizes,
        }


@dataclasses.dataclass(frozen=True)
class MmoeSettings(TowerSettings):
    """Settings of the backbone `mmoe`.

    Attributes:
        mmoe_experts: Number of experts; one alone would be a shared bottom.
    """

    mmoe_experts: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.mmoe_experts >= 2, "mmoe_experts", "at least 2", self.mmoe_experts)


def make_mmoe(settings: MmoeSettings, num_tasks: int, name: str) -> Mmoe:
    """Settings -> the backbone's layer.

    Raises:
        SettingsError: If the towers leave no layer to the experts.
    """
    hidden_sizes, tower_hidden_sizes = split_hidden_sizes(settings)
    return Mmoe(
        num_tasks,
        num_experts=settings.mmoe_experts,
        hidden_sizes=hidden_sizes,
        tower_hidden_sizes=tower_hidden_sizes,
        name=name,
    )
