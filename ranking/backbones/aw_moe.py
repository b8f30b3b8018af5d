"""AW-MoE as a backbone: experts picked by what the user did before, what was asked, and where."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from ranking.backbones.backbone_settings import BackboneSettings
from ranking.layers.argument_checks import check_count
from ranking.layers.attention_weighted_gate import AttentionWeightedGate
from ranking.layers.clear_padding import clear_padding
from ranking.layers.expert_bank import ExpertBank
from ranking.setting_rules import require, require_sizes


@keras.saving.register_keras_serializable(package="ranking")
class AwMoe(keras.layers.Layer):
    """Mixes experts by an attention-weighted gate: `(B, C, D)` -> logits `(B, C, J)`.

        gate[b] = AttentionWeightedGate(behaviors[b], W [query[b], scenario[b]] + w)
        logits[b, c, j] = sum_k gate[b, k] * expert[k, j](vectors[b, c])

    The scenario speaks through the gate alone: experts are shared, what they are mixed by is not.
    One gate serves all tasks and all candidates of a session.

    Shapes are written with B = batch, T = behaviors, C = candidates, D and d = widths, S =
    scenarios, J = tasks, K = experts.

    Args:
        num_tasks: Number of tasks J.
        num_experts: Number of experts K of each task.
        hidden_sizes: Sizes of each expert's hidden layers.
        gate_hidden_sizes: Sizes of the hidden layers of the gate's units.
        attention_normalization: `"none"` or `"softmax"`, see `AttentionWeightedGate`.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        vectors: Float tensor `(B, C, D)`.
        scenario: Float tensor `(B, S)`, see `ScenarioWeights`.
        candidates_mask: Boolean tensor `(B, C)`, `True` at real candidates.
        behaviors: Float tensor `(B, T, d)`.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        query: Float tensor `(B, d)`, or `None`.

    Returns:
        Float tensor `(B, C, J)`; finite at padded candidates.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> layer = AwMoe(2, num_experts=3, hidden_sizes=(8,), gate_hidden_sizes=(8,))
    >>> ones, true = keras.ops.ones, keras.ops.ones((2, 5), "bool")
    >>> layer(ones((2, 5, 7)), ones((2, 2)), true, ones((2, 5, 3)), true, ones((2, 3))).shape
    TensorShape([2, 5, 2])

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equations 5 to 9. That the gate reads the scenario, and that there are
        several tasks, is not in the paper.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        num_experts: int = 4,
        hidden_sizes: Sequence[int] = (128, 64, 32),
        gate_hidden_sizes: Sequence[int] = (64, 32),
        attention_normalization: str = "none",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_count("num_experts", num_experts)
        self.num_tasks = num_tasks
        self.num_experts = num_experts
        self.hidden_sizes = tuple(hidden_sizes)
        self.gate_hidden_sizes = tuple(gate_hidden_sizes)
        self.attention_normalization = attention_normalization
        common = {"dtype": self.dtype_policy}
        self.gate = AttentionWeightedGate(
            num_experts,
            hidden_sizes=self.gate_hidden_sizes,
            attention_normalization=attention_normalization,
            use_bias=True,
            name="gate",
            **common,
        )
        self.experts = ExpertBank(
            num_experts * num_tasks, hidden_sizes=self.hidden_sizes, name="experts", **common
        )

    def build(
        self,
        vectors_shape: Any,
        scenario_shape: Any,
        candidates_mask_shape: Any = None,
        behaviors_shape: Any = None,
        behaviors_mask_shape: Any = None,
        query_shape: Any = None,
    ) -> None:
        width = behaviors_shape[-1]
        asked = scenario_shape[-1] + (0 if query_shape is None else query_shape[-1])
        self.context = keras.layers.Dense(width, dtype=self.dtype_policy, name="context")
        self.context.build((None, asked))
        self.gate.build(behaviors_shape, (None, width))
        self.experts.build(vectors_shape)
        self.built = True

    def call(
        self,
        vectors: Any,
        scenario: Any,
        candidates_mask: Any,
        behaviors: Any,
        behaviors_mask: Any,
        query: Any = None,
    ) -> Any:
        asked = scenario if query is None else ops.concatenate([query, scenario], axis=-1)
        gate = self.gate(behaviors, self.context(asked), behaviors_mask)  # (B, K)
        scores = self.experts(clear_padding(vectors, candidates_mask))  # (B, C, K * J)
        outer = ops.shape(scores)[:2]
        scores = ops.reshape(scores, (*outer, self.num_experts, self.num_tasks))
        return ops.sum(scores * gate[:, None, :, None], axis=2)

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
            "gate_hidden_sizes": self.gate_hidden_sizes,
            "attention_normalization": self.attention_normalization,
        }


@dataclasses.dataclass(frozen=True)
class AwMoeBackboneSettings(BackboneSettings):
    """Settings of the backbone `aw_moe`.

    Attributes:
        aw_moe_experts: Number of experts of each task.
        aw_moe_gate_hidden_sizes: Hidden widths of the gate unit and the gate's activation unit.
        aw_moe_attention_normalization: `softmax` makes the weights of a session's behaviors add up
            to 1.
    """

    aw_moe_experts: int = 4
    aw_moe_gate_hidden_sizes: tuple[int, ...] = (64, 32)
    aw_moe_attention_normalization: Literal["none", "softmax"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_sizes(self, "aw_moe_experts", "aw_moe_gate_hidden_sizes")
        sizes = self.aw_moe_gate_hidden_sizes
        require(len(sizes) > 0, "aw_moe_gate_hidden_sizes", "one size or more", sizes)


def make_aw_moe(settings: AwMoeBackboneSettings, num_tasks: int, name: str) -> AwMoe:
    """Settings -> the backbone's layer."""
    return AwMoe(
        num_tasks,
        num_experts=settings.aw_moe_experts,
        hidden_sizes=settings.backbone_hidden_sizes,
        gate_hidden_sizes=settings.aw_moe_gate_hidden_sizes,
        attention_normalization=settings.aw_moe_attention_normalization,
        name=name,
    )
