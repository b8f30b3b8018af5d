"""STAR: one shared network, multiplied by one of each scenario's own."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.backbones.backbone_settings import BackboneSettings
from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.mlp import Mlp
from ranking.layers.partitioned_normalization import PartitionedNormalization
from ranking.layers.star_dense import StarDense
from ranking.setting_rules import require, require_sizes


@keras.saving.register_keras_serializable(package="ranking")
class Star(keras.layers.Layer):
    """Star topology adaptive recommender: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        logits = StarDense(... relu(StarDense(PartitionedNormalization(vectors))))
                 + MLP([scenario embedding || vectors])

    Every layer of the first network is a shared one times one of the scenario's own, and its input
    is normalized by the scenario's own statistics. The second, auxiliary network lets the
    scenario speak directly. The last layer of either has an output for each task.

    A session of unknown scenario, whose weights are all alike, is normalized by the mean of the
    scenarios' statistics and read by the mean of their kernels.

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        hidden_sizes: Sizes of the star network's hidden layers.
        auxiliary_hidden_sizes: Sizes of the auxiliary network's hidden layers.
        scenario_size: Width of the scenario embedding that the auxiliary network reads.
        momentum: Share of the moving statistics that a step of training keeps.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, C, D)`.
        scenario: Float tensor `(B, S)`, see `ScenarioWeights`.
        candidates_mask: Boolean tensor `(B, C)`, `True` at real candidates.
        context: Not read: the vectors hold what is known of the session.
        training: Whether the statistics of this batch apply.

    Returns:
        Float tensor `(B, C, J)`; finite at padded candidates.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> layer, ones = Star(2, hidden_sizes=(8,), auxiliary_hidden_sizes=(4,)), keras.ops.ones
    >>> layer(ones((3, 5, 7)), ones((3, 2)) / 2, ones((3, 5), "bool")).shape
    TensorShape([3, 5, 2])

    Reference:
        One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction,
        section 3. Several tasks are not in the paper.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        hidden_sizes: Sequence[int] = (128, 64, 32),
        auxiliary_hidden_sizes: Sequence[int] = (32,),
        scenario_size: int = 8,
        momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("hidden_sizes", hidden_sizes)
        check_count("scenario_size", scenario_size)
        self.num_tasks = num_tasks
        self.hidden_sizes = tuple(hidden_sizes)
        self.auxiliary_hidden_sizes = tuple(auxiliary_hidden_sizes)
        self.scenario_size = scenario_size
        self.momentum = momentum
        self._make_layers()

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> None:
        *outer, width = vectors_shape
        self.norm.build(vectors_shape, scenario_shape)
        self.scenario_embedding.build(scenario_shape)
        self.auxiliary.build((*outer, self.scenario_size + width))
        for index, size in enumerate((*self.hidden_sizes, self.num_tasks)):
            self._star(index).build((*outer, width), scenario_shape)
            width = size
        self.built = True

    def call(
        self,
        vectors: Any,
        scenario: Any,
        candidates_mask: Any,
        context: Any = None,
        training: bool | None = None,
    ) -> Any:
        vectors = clear_padding(vectors, candidates_mask)
        hidden = self.norm(vectors, scenario, candidates_mask, training=training)
        for index in range(len(self.hidden_sizes) + 1):
            hidden = self._star(index)(hidden, scenario)
        embedding = self.scenario_embedding(scenario)[:, None, :]
        embedding = ops.broadcast_to(embedding, (*ops.shape(vectors)[:2], self.scenario_size))
        return hidden + self.auxiliary(ops.concatenate([embedding, vectors], axis=-1))

    def compute_output_shape(
        self, vectors_shape: Any, *args: Any, **kwargs: Any
    ) -> tuple[int | None, ...]:
        return (*vectors_shape[:-1], self.num_tasks)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "hidden_sizes": self.hidden_sizes,
            "auxiliary_hidden_sizes": self.auxiliary_hidden_sizes,
            "scenario_size": self.scenario_size,
            "momentum": self.momentum,
        }

    def _make_layers(self) -> None:
        common = {"dtype": self.dtype_policy}
        self.norm = PartitionedNormalization(momentum=self.momentum, name="norm", **common)
        # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
        for index, size in enumerate(self.hidden_sizes):
            setattr(self, f"star_{index}", StarDense(size, activation="relu", **common))
        setattr(self, f"star_{len(self.hidden_sizes)}", StarDense(self.num_tasks, **common))
        self.scenario_embedding = keras.layers.Dense(
            self.scenario_size, use_bias=False, name="scenario_embedding", **common
        )
        self.auxiliary = Mlp(
            self.auxiliary_hidden_sizes, self.num_tasks, name="auxiliary", **common
        )

    def _star(self, index: int) -> Any:
        return getattr(self, f"star_{index}")


@dataclasses.dataclass(frozen=True)
class StarSettings(BackboneSettings):
    """Settings of the backbone `star`.

    Attributes:
        star_auxiliary_hidden_sizes: Hidden widths of the auxiliary network.
        star_scenario_size: Width of the scenario embedding that the auxiliary network reads.
        star_momentum: Share of the moving statistics that a step of training keeps.
    """

    star_auxiliary_hidden_sizes: tuple[int, ...] = (32,)
    star_scenario_size: int = 8
    star_momentum: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "star_auxiliary_hidden_sizes", "star_scenario_size")
        momentum = self.star_momentum
        require(0 <= momentum < 1, "star_momentum", "at least 0 and below 1", momentum)


def make_star(settings: StarSettings, num_tasks: int, name: str) -> Star:
    """Settings -> the backbone's layer."""
    return Star(
        num_tasks,
        hidden_sizes=settings.backbone_hidden_sizes,
        auxiliary_hidden_sizes=settings.star_auxiliary_hidden_sizes,
        scenario_size=settings.star_scenario_size,
        momentum=settings.star_momentum,
        name=name,
    )
