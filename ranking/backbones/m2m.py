"""M2M: shared experts, mixed and read by networks that the scenario generates."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from ranking.backbones.backbone_settings import BackboneSettings
from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.meta_attention import MetaAttention
from ranking.layers.meta_tower import MetaTower
from ranking.layers.mlp import Mlp
from ranking.setting_rules import require_choices, require_sizes


@keras.saving.register_keras_serializable(package="ranking")
class M2m(keras.layers.Layer):
    """Multi-scenario multi-task meta learning: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        expert_i = MLP_i(vectors),   task_j = MLP(embedding_j)
        knowledge = MLP([scenario embedding || context])
        logits = MetaTower(MetaAttention(experts, tasks, knowledge), knowledge)

    The knowledge of the scenario is what the weights of the last two are generated from, once per
    session. All activations are LeakyReLU.

    A session of unknown scenario has the mean of the scenarios' embeddings.

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        num_experts: Number of experts.
        hidden_sizes: Sizes of each expert's layers. The last one is the width of the tower and of
            the task vectors.
        scenario_size: Width of the scenario embedding and of the knowledge.
        unit_layers: Number of generated layers of a meta unit.
        tower_layers: Number of residual layers of the tower.
        meta_units: `"shared"`: the tasks have their meta units in common; `"per_task"`: each has
            its own.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, C, D)`.
        scenario: Float tensor `(B, S)`, see `ScenarioWeights`.
        candidates_mask: Boolean tensor `(B, C)`, `True` at real candidates.
        context: Float tensor `(B, Dc)`, what else is known of the session, or `None`.

    Returns:
        Float tensor `(B, C, J)`; finite at padded candidates.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> layer, ones = M2m(2, hidden_sizes=(8, 4), scenario_size=6), keras.ops.ones
    >>> layer(ones((3, 5, 7)), ones((3, 2)) / 2, ones((3, 5), "bool"), ones((3, 9))).shape
    TensorShape([3, 5, 2])

    Reference:
        Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
        Modeling, section 3. The paper predicts counts; here an output is the logit of a label, and
        what the vectors hold of the behaviors stands for the paper's transformer.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        num_experts: int = 4,
        hidden_sizes: Sequence[int] = (128, 64, 32),
        scenario_size: int = 32,
        unit_layers: int = 1,
        tower_layers: int = 1,
        meta_units: str = "shared",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_count("num_experts", num_experts)
        check_sizes("hidden_sizes", hidden_sizes)
        check_count("scenario_size", scenario_size)
        self.num_tasks = num_tasks
        self.num_experts = num_experts
        self.hidden_sizes = tuple(hidden_sizes)
        self.scenario_size = scenario_size
        self.unit_layers = unit_layers
        self.tower_layers = tower_layers
        self.meta_units = meta_units
        self._make_layers()

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> None:
        outer, width = tuple(vectors_shape[:-1]), self.hidden_sizes[-1]
        for index in range(self.num_experts):
            self._expert(index).build(vectors_shape)
        self.task_embedding = self.add_weight(
            name="task_embedding", shape=(self.num_tasks, width), initializer="uniform"
        )
        self.task_mlp.build((self.num_tasks, width))
        self.scenario_embedding.build(scenario_shape)
        context_size = 0 if context_shape is None else context_shape[-1]
        self.knowledge_mlp.build((outer[0], self.scenario_size + context_size))
        knowledge_shape = (outer[0], self.scenario_size)
        self.attention.build(
            (*outer, self.num_experts, width), (self.num_tasks, width), knowledge_shape
        )
        self.tower.build((*outer, self.num_tasks, width), knowledge_shape)
        self.built = True

    def call(self, vectors: Any, scenario: Any, candidates_mask: Any, context: Any = None) -> Any:
        vectors = clear_padding(vectors, candidates_mask)
        experts = [self._expert(index)(vectors) for index in range(self.num_experts)]
        tasks = self.task_mlp(ops.convert_to_tensor(self.task_embedding))
        knowledge = self.scenario_embedding(scenario)
        if context is not None:
            knowledge = ops.concatenate([knowledge, context], axis=-1)
        knowledge = self.knowledge_mlp(knowledge)
        mixed = self.attention(ops.stack(experts, axis=2), tasks, knowledge)
        return self.tower(mixed, knowledge)

    def compute_output_shape(
        self, vectors_shape: Any, *args: Any, **kwargs: Any
    ) -> tuple[int | None, ...]:
        return (*vectors_shape[:-1], self.num_tasks)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "num_experts": self.num_experts,
            "hidden_sizes": self.hidden_sizes,
            "scenario_size": self.scenario_size,
            "unit_layers": self.unit_layers,
            "tower_layers": self.tower_layers,
            "meta_units": self.meta_units,
        }

    def _make_layers(self) -> None:
        common = {"dtype": self.dtype_policy}
        leaky = {"activation": "leaky_relu", **common}
        # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
        for index in range(self.num_experts):
            setattr(self, f"expert_{index}", Mlp(self.hidden_sizes, **leaky))
        self.task_mlp = Mlp(self.hidden_sizes[-1:], name="task_mlp", **leaky)
        self.scenario_embedding = keras.layers.Dense(
            self.scenario_size, use_bias=False, name="scenario_embedding", **common
        )
        self.knowledge_mlp = Mlp((self.scenario_size,), name="knowledge_mlp", **leaky)
        self.attention = MetaAttention(
            self.num_tasks,
            num_layers=self.unit_layers,
            meta_units=self.meta_units,
            name="attention",
            **common,
        )
        self.tower = MetaTower(
            self.tower_layers,
            unit_layers=self.unit_layers,
            meta_units=self.meta_units,
            name="tower",
            **common,
        )

    def _expert(self, index: int) -> Any:
        return getattr(self, f"expert_{index}")


@dataclasses.dataclass(frozen=True)
class M2mSettings(BackboneSettings):
    """Settings of the backbone `m2m`.

    Attributes:
        m2m_experts: Number of experts.
        m2m_scenario_size: Width of the scenario embedding, and of what is known of a session when
            its weights are generated.
        m2m_unit_layers: Generated layers of each meta unit.
        m2m_tower_layers: Residual layers of the tower, each with a meta unit.
        m2m_meta_units: `shared` gives all tasks the same meta units; `per_task` gives each its own.
    """

    m2m_experts: int = 4
    m2m_scenario_size: int = 32
    m2m_unit_layers: int = 1
    m2m_tower_layers: int = 1
    m2m_meta_units: Literal["shared", "per_task"] = "shared"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self)
        require_sizes(
            self, "m2m_experts", "m2m_scenario_size", "m2m_unit_layers", "m2m_tower_layers"
        )


def make_m2m(settings: M2mSettings, num_tasks: int, name: str) -> M2m:
    """Settings -> the backbone's layer."""
    return M2m(
        num_tasks,
        num_experts=settings.m2m_experts,
        hidden_sizes=settings.backbone_hidden_sizes,
        scenario_size=settings.m2m_scenario_size,
        unit_layers=settings.m2m_unit_layers,
        tower_layers=settings.m2m_tower_layers,
        meta_units=settings.m2m_meta_units,
        name=name,
    )
