"""PLE: levels of own and shared experts, and a tower for every scenario and task."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.backbones.backbone_settings import TowerSettings, split_hidden_sizes
from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.expert_level import ExpertLevel
from ranking.layers.scenario_towers import ScenarioTowers
from ranking.setting_rules import require, require_sizes


@keras.saving.register_keras_serializable(package="ranking")
class Ple(keras.layers.Layer):
    """Scores candidates by levels of experts: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        f[0][s, j] = f_shared[0] = x
        f[l], f_shared[l] = ExpertLevel(f[l - 1], f_shared[l - 1])        for every level l
        logit[s, j] = tower[s, j](f[last][s, j])

    Every scenario and task is a task of the paper: a group with experts, gates and a tower of its
    own. The shared module's gate reads all experts of its level, those of all groups included.

    A session gets the logits of its own scenario; one of no known scenario gets the mean of the
    scenarios' logits (see `ScenarioTowers`). Below the last level all groups matter to all
    sessions, through the shared module.

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        specific_experts: Number of each group's own experts on each level.
        shared_experts: Number of shared experts on each level.
        level_hidden_sizes: For every level the sizes of each expert's layers, all with ReLU.
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
    >>> layer = Ple(2, level_hidden_sizes=((8,), (6,)), tower_hidden_sizes=(4,))
    >>> layer(keras.ops.ones((3, 5, 7)), scenario, keras.ops.ones((3, 5), "bool")).shape
    TensorShape([3, 5, 2])

    Reference:
        Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
        Personalized Recommendations, equations 2 to 7.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        specific_experts: int = 1,
        shared_experts: int = 2,
        level_hidden_sizes: Sequence[Sequence[int]] = ((128,), (64,)),
        tower_hidden_sizes: Sequence[int] = (32,),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("tower_hidden_sizes", tower_hidden_sizes)
        check_count("specific_experts", specific_experts)
        check_count("shared_experts", shared_experts)
        _check_levels(level_hidden_sizes)
        self.num_tasks = num_tasks
        self.specific_experts = specific_experts
        self.shared_experts = shared_experts
        self.level_hidden_sizes = tuple(tuple(sizes) for sizes in level_hidden_sizes)
        self.tower_hidden_sizes = tuple(tower_hidden_sizes)
        self.num_levels = len(self.level_hidden_sizes)
        self.towers = ScenarioTowers(
            num_tasks, hidden_sizes=self.tower_hidden_sizes, dtype=self.dtype_policy, name="towers"
        )

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> None:
        width = self.level_hidden_sizes[-1][-1]
        self.towers.build((*vectors_shape[:-1], width), scenario_shape)
        stack = (scenario_shape[-1], self.num_tasks)
        shared_shape = (None, vectors_shape[-1])
        groups_shape: tuple[int | None, ...] = shared_shape
        for index, sizes in enumerate(self.level_hidden_sizes):
            # One attribute per level, no list: tf.train.Checkpoint does not look into Keras lists.
            level = self._make_level(index, stack)
            setattr(self, f"level_{index}", level)
            level.build(groups_shape, shared_shape)
            shared_shape = (None, sizes[-1])
            groups_shape = (*stack, *shared_shape)
        self.built = True

    def call(self, vectors: Any, scenario: Any, candidates_mask: Any, context: Any = None) -> Any:
        sessions, candidates, width = ops.shape(vectors)
        cleared = clear_padding(vectors, candidates_mask)
        groups = shared = ops.reshape(cleared, (sessions * candidates, width))
        for index in range(self.num_levels - 1):
            groups, shared = getattr(self, f"level_{index}")(groups, shared)
        last = getattr(self, f"level_{self.num_levels - 1}")
        groups = last(groups, shared)  # (S, J, B * C, size)
        shape = (*last.stack, sessions, candidates, last.hidden_sizes[-1])
        return self.towers(ops.reshape(groups, shape), scenario)

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
            "specific_experts": self.specific_experts,
            "shared_experts": self.shared_experts,
            "level_hidden_sizes": self.level_hidden_sizes,
            "tower_hidden_sizes": self.tower_hidden_sizes,
        }

    def _make_level(self, index: int, stack: tuple[int, int]) -> ExpertLevel:
        return ExpertLevel(
            stack,
            hidden_sizes=self.level_hidden_sizes[index],
            specific_experts=self.specific_experts,
            shared_experts=self.shared_experts,
            is_last=index == self.num_levels - 1,
            dtype=self.dtype_policy,
            name=f"level_{index}",
        )


def _check_levels(level_hidden_sizes: Sequence[Sequence[int]]) -> None:
    for sizes in level_hidden_sizes:
        check_sizes("level_hidden_sizes", sizes)
    if not level_hidden_sizes or not all(level_hidden_sizes):
        raise ValueError(
            "`level_hidden_sizes` must hold at least one level, and at least one size for each. "
            f"Received: level_hidden_sizes={level_hidden_sizes!r}"
        )


@dataclasses.dataclass(frozen=True)
class PleSettings(TowerSettings):
    """Settings of the backbone `ple`.

    Attributes:
        ple_levels: Number of levels, to which the experts' hidden layers are dealt.
        ple_shared_experts: Number of shared experts on each level.
        ple_specific_experts: Number of own experts of each scenario and task on each level.
    """

    ple_levels: int = 2
    ple_shared_experts: int = 2
    ple_specific_experts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "ple_levels", "ple_shared_experts", "ple_specific_experts")


def make_ple(settings: PleSettings, num_tasks: int, name: str) -> Ple:
    """Settings -> the backbone's layer.

    The hidden layers before the towers are dealt to the levels in their order, as evenly as
    possible; the first levels get one more where they do not divide evenly.

    Raises:
        SettingsError: If there are fewer such layers than levels.
    """
    hidden_sizes, tower_hidden_sizes = split_hidden_sizes(settings)
    return Ple(
        num_tasks,
        specific_experts=settings.ple_specific_experts,
        shared_experts=settings.ple_shared_experts,
        level_hidden_sizes=_deal(hidden_sizes, settings.ple_levels),
        tower_hidden_sizes=tower_hidden_sizes,
        name=name,
    )


def _deal(hidden_sizes: tuple[int, ...], levels: int) -> tuple[tuple[int, ...], ...]:
    require(
        levels <= len(hidden_sizes),
        "ple_levels",
        "at most the number of `backbone_hidden_sizes` without the last `tower_layers`, which is "
        f"{len(hidden_sizes)}",
        levels,
    )
    each, more = divmod(len(hidden_sizes), levels)
    ends = [each * level + min(level, more) for level in range(levels + 1)]
    return tuple(hidden_sizes[start:end] for start, end in zip(ends, ends[1:], strict=False))
