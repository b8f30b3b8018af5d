"""SharedBottom: one network for all scenarios, and a tower for every scenario and task."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from ranking.backbones.backbone_settings import TowerSettings, split_hidden_sizes
from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.layers.mlp import Mlp
from ranking.layers.scenario_towers import ScenarioTowers


@keras.saving.register_keras_serializable(package="ranking")
class SharedBottom(keras.layers.Layer):
    """Scores candidates by towers on one bottom: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        h = MLP(x)
        logit[s, j] = tower[s, j](h)

    A session gets the logits of its own scenario; one of no known scenario gets the mean of the
    scenarios' logits (see `ScenarioTowers`).

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        hidden_sizes: Sizes of the bottom's layers.
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
    >>> layer = SharedBottom(2, hidden_sizes=(8,), tower_hidden_sizes=(4,))
    >>> layer(keras.ops.ones((3, 5, 7)), scenario, keras.ops.ones((3, 5), "bool")).shape
    TensorShape([3, 5, 2])

    Reference:
        Multitask Learning, with a task for every scenario and label.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        hidden_sizes: Sequence[int] = (128, 64),
        tower_hidden_sizes: Sequence[int] = (32,),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("tower_hidden_sizes", tower_hidden_sizes)
        self.num_tasks = num_tasks
        self.hidden_sizes = tuple(hidden_sizes)
        self.tower_hidden_sizes = tuple(tower_hidden_sizes)
        common = {"dtype": self.dtype_policy}
        self.bottom = Mlp(self.hidden_sizes, name="bottom", **common)
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
        self.bottom.build(vectors_shape)
        self.towers.build((*vectors_shape[:-1], self.hidden_sizes[-1]), scenario_shape)
        self.built = True

    def call(self, vectors: Any, scenario: Any, candidates_mask: Any, context: Any = None) -> Any:
        hidden = self.bottom(clear_padding(vectors, candidates_mask))
        return self.towers(hidden, scenario)

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
            "hidden_sizes": self.hidden_sizes,
            "tower_hidden_sizes": self.tower_hidden_sizes,
        }


@dataclasses.dataclass(frozen=True)
class SharedBottomSettings(TowerSettings):
    """Settings of the backbone `shared_bottom`."""


def make_shared_bottom(settings: SharedBottomSettings, num_tasks: int, name: str) -> SharedBottom:
    """Settings -> the backbone's layer.

    Raises:
        SettingsError: If the towers leave no layer to the bottom.
    """
    hidden_sizes, tower_hidden_sizes = split_hidden_sizes(settings)
    return SharedBottom(
        num_tasks, hidden_sizes=hidden_sizes, tower_hidden_sizes=tower_hidden_sizes, name=name
    )
