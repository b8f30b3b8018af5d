"""APG: layers of low rank whose core is generated from the scenario."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from ranking.backbones.backbone_settings import BackboneSettings
from ranking.layers.adaptive_dense import AdaptiveDense
from ranking.layers.argument_checks import check_choice, check_count, check_sizes
from ranking.layers.clear_padding import clear_padding
from ranking.setting_rules import require, require_choices, require_sizes

CONDITIONS = ("group", "mix", "self")


@keras.saving.register_keras_serializable(package="ranking")
class Apg(keras.layers.Layer):
    """Adaptive parameter generation: `(B, C, D)`, `(B, S)` -> logits `(B, C, J)`.

        hidden <- relu(hidden V S(z) U + bias)                  layer by layer, see `AdaptiveDense`
        logits = hidden W + b

    The condition z that the cores S of all layers are generated from is

        group    [scenario embedding || context]                once per session
        mix      [scenario embedding || context || vectors]     once per candidate
        self     the layer's own input                          once per candidate

    so that no condition makes a candidate's score depend on the other candidates. With `self` the
    layer does not read the scenario but where the vectors tell of it. A session of unknown scenario
    has the mean of the scenarios' embeddings.

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        hidden_sizes: Sizes of the adaptive layers.
        rank: Size of the generated cores.
        inner_size: Inner width of the shared factors in training. `None`: they are folded.
        condition: `"group"`, `"mix"` or `"self"`.
        scenario_size: Width of the scenario embedding.
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
    >>> layer, ones = Apg(2, hidden_sizes=(8,), rank=2, inner_size=4), keras.ops.ones
    >>> layer(ones((3, 5, 7)), ones((3, 2)) / 2, ones((3, 5), "bool"), ones((3, 9))).shape
    TensorShape([3, 5, 2])

    Reference:
        APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction, section 3. The
        output layer is a plain one: with so few outputs there is no rank to lower.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        hidden_sizes: Sequence[int] = (128, 64, 32),
        rank: int = 8,
        inner_size: int | None = 32,
        condition: str = "group",
        scenario_size: int = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("hidden_sizes", hidden_sizes)
        check_choice("condition", condition, CONDITIONS)
        check_count("scenario_size", scenario_size)
        self.num_tasks = num_tasks
        self.hidden_sizes = tuple(hidden_sizes)
        self.rank = rank
        self.inner_size = inner_size
        self.condition = condition
        self.scenario_size = scenario_size
        self._make_layers()

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        context_shape: Any = None,
    ) -> None:
        *outer, width = vectors_shape
        self._widths = (width, scenario_shape[-1], context_shape and context_shape[-1])
        known = 0
        if self.condition != "self":
            self.scenario_embedding.build(scenario_shape)
            known = self.scenario_size + (context_shape[-1] if context_shape else 0)
        if self.condition == "mix":
            known += width
        for index, size in enumerate(self.hidden_sizes):
            condition_size = width if self.condition == "self" else known
            rank_shape = outer[:1] if self.condition == "group" else outer
            self._adaptive(index).build((*outer, width), (*rank_shape, condition_size))
            width = size
        self.output_dense.build((*outer, width))
        self.built = True

    def call(self, vectors: Any, scenario: Any, candidates_mask: Any, context: Any = None) -> Any:
        hidden = clear_padding(vectors, candidates_mask)
        condition = None
        if self.condition != "self":
            condition = self._condition(hidden, scenario, context)
        for index in range(len(self.hidden_sizes)):
            hidden = self._adaptive(index)(hidden, hidden if condition is None else condition)
        return self.output_dense(hidden)

    def compute_output_shape(
        self, vectors_shape: Any, *args: Any, **kwargs: Any
    ) -> tuple[int | None, ...]:
        return (*vectors_shape[:-1], self.num_tasks)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "hidden_sizes": self.hidden_sizes,
            "rank": self.rank,
            "inner_size": self.inner_size,
            "condition": self.condition,
            "scenario_size": self.scenario_size,
        }

    def fold(self) -> "Apg":
        """This layer, which must be built, -> one for serving: the same outputs from fewer weights.

        Within a model, `keras.models.clone_model` with a `clone_function` puts it in place.
        """
        folded = type(self).from_config({**self.get_config(), "inner_size": None})
        width, num_scenarios, context_size = self._widths
        context_shape = None if context_size is None else (None, context_size)
        folded.build((None, None, width), (None, num_scenarios), (None, None), context_shape)
        for index in range(len(self.hidden_sizes)):
            layer = self._adaptive(index)
            layer = layer if self.inner_size is None else layer.fold()
            folded._adaptive(index).set_weights(layer.get_weights())
        folded.output_dense.set_weights(self.output_dense.get_weights())
        if self.condition != "self":
            folded.scenario_embedding.set_weights(self.scenario_embedding.get_weights())
        return folded

    def _make_layers(self) -> None:
        common = {"dtype": self.dtype_policy}
        # One attribute per layer, no list: tf.train.Checkpoint does not look into Keras lists.
        for index, size in enumerate(self.hidden_sizes):
            layer = AdaptiveDense(
                size, rank=self.rank, inner_size=self.inner_size, activation="relu", **common
            )
            setattr(self, f"adaptive_{index}", layer)
        self.output_dense = keras.layers.Dense(self.num_tasks, name="output_dense", **common)
        if self.condition != "self":
            self.scenario_embedding = keras.layers.Dense(
                self.scenario_size, use_bias=False, name="scenario_embedding", **common
            )

    def _adaptive(self, index: int) -> Any:
        return getattr(self, f"adaptive_{index}")

    def _condition(self, vectors: Any, scenario: Any, context: Any) -> Any:
        """`(B, Z)`, or for `mix` `(B, C, Z)`."""
        parts = [self.scenario_embedding(scenario), *([] if context is None else [context])]
        if self.condition == "group":
            return ops.concatenate(parts, axis=-1)
        outer = ops.shape(vectors)[:2]
        parts = [ops.broadcast_to(part[:, None], (*outer, part.shape[-1])) for part in parts]
        return ops.concatenate([*parts, vectors], axis=-1)


@dataclasses.dataclass(frozen=True)
class ApgSettings(BackboneSettings):
    """Settings of the backbone `apg`.

    Attributes:
        apg_condition: What the cores are generated from: `group`, scenario and session context;
            `mix`, these and the candidate's vector; `self`, the input of each layer.
        apg_rank: Size of the generated cores.
        apg_inner_size: Inner width of the shared factors in training; from `apg_rank` up.
        apg_scenario_size: Width of the scenario embedding.
    """

    apg_condition: Literal["group", "mix", "self"] = "group"
    apg_rank: int = 8
    apg_inner_size: int = 32
    apg_scenario_size: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choices(self)
        require_sizes(self, "apg_rank", "apg_inner_size", "apg_scenario_size")
        rank, inner = self.apg_rank, self.apg_inner_size
        require(inner >= rank, "apg_inner_size", f"at least `apg_rank`, {rank}", inner)


def make_apg(settings: ApgSettings, num_tasks: int, name: str) -> Apg:
    """Settings -> the backbone's layer, as it is trained."""
    return Apg(
        num_tasks,
        hidden_sizes=settings.backbone_hidden_sizes,
        rank=settings.apg_rank,
        inner_size=settings.apg_inner_size,
        condition=settings.apg_condition,
        scenario_size=settings.apg_scenario_size,
        name=name,
    )
