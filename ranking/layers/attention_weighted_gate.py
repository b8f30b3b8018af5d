"""Gate network that picks experts from what a user did before."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.behavior_weights import (
    ACTIVATION_UNIT_SCALE,
    behavior_weights,
    check_weight_options,
    weighted_sum,
)
from ranking.layers.clear_padding import clear_padding
from ranking.layers.pair_unit import PairUnit, check_pair_shapes

_GATE_NORMALIZATIONS = ("none", "softmax")


@keras.saving.register_keras_serializable(package="ranking")
class AttentionWeightedGate(keras.layers.Layer):
    """Turns behaviors into one score per expert: `(B, T, D)`, `(B, D)` -> `(B, K)`.

    Two small networks read every behavior next to the context. The *gate unit* says which
    experts the behavior speaks for (a vector), the *activation unit* how much the behavior
    counts (a number):

        gate[b, k] = sum_t mask[b, t] * weight[b, t] * scores[b, t, k]

    With the query as context no candidate enters, so a server computes the gate once per
    session. With the candidates as context there is one gate per candidate.

    Shapes are written with B = batch, T = behaviors, C = candidates, D = width, K = experts.

    Args:
        num_experts: Number of experts K.
        hidden_sizes: Sizes of the hidden layers of the gate unit.
        activation_hidden_sizes: The same of the activation unit, which shares no weights with it;
            by default `hidden_sizes`.
        attention_normalization: `"none"` takes the activation unit's scores as they are, so who
            did more gets larger gates; `"softmax"` makes them sum to one over the behaviors.
        attention_scale: `"none"`, or `"sqrt_length"` to divide raw scores by the square root of
            the number of behaviors.
        gate_normalization: `"none"`, or `"softmax"` over the experts.
        gate_unit: Without it the weighted behaviors are summed and a dense layer makes the gate
            of the sum.
        activation_unit: Without it every behavior has the same score, 1.
        use_bias: Adds a learned `(K,)` vector to the sum. Without it a session without behaviors
            gets a gate of zeros, which gives all its candidates one and the same score. The
            vector starts as equal parts of every expert.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, T, D)`. T may be 0 or unknown.
        context: Float tensor `(B, D)`, or `(B, C, D)` for one context per candidate.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        subset_mask: Boolean tensor `(B, T)`, `True` at some of these behaviors. The gate of the
            subset comes at the price of a sum: the units read each behavior by itself.

    Returns:
        Float tensor `(B, K)` or `(B, C, K)`; with `subset_mask` a pair of them, the gate of all
        behaviors and that of the subset.

    Raises:
        ValueError: If an argument is out of range, or if `behaviors` and `context` are not of
            these ranks or differ in width.

    Example:
    >>> import numpy as np
    >>> gate = AttentionWeightedGate(4, hidden_sizes=(8,))
    >>> mask = np.array([[True] * 5, [False] * 5])
    >>> gate(keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 3)), mask)[1].numpy().tolist()
    [0.0, 0.0, 0.0, 0.0]

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equations 7 and 8; its ablation leaves out a unit or both. Both kinds of
        normalization, the scale and the bias are not in the paper.
    """

    def __init__(
        self,
        num_experts: int,
        *,
        hidden_sizes: Sequence[int] = (64, 32),
        activation_hidden_sizes: Sequence[int] | None = None,
        attention_normalization: str = "none",
        attention_scale: str = "none",
        gate_normalization: str = "none",
        gate_unit: bool = True,
        activation_unit: bool = True,
        use_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_experts", num_experts)
        check_weight_options("attention_", attention_normalization, attention_scale)
        check_choice("gate_normalization", gate_normalization, _GATE_NORMALIZATIONS)
        self.num_experts = num_experts
        self.hidden_sizes = tuple(hidden_sizes)
        other_sizes = hidden_sizes if activation_hidden_sizes is None else activation_hidden_sizes
        self.activation_hidden_sizes = tuple(other_sizes)
        self.attention_normalization = attention_normalization
        self.attention_scale = attention_scale
        self.gate_normalization = gate_normalization
        self.use_bias = use_bias
        self.gate_unit = self.activation_unit = None
        if gate_unit:
            self.gate_unit = self._unit("gate_unit", num_experts, self.hidden_sizes, 1.0)
        if activation_unit:
            self.activation_unit = self._unit(
                "activation_unit", 1, self.activation_hidden_sizes, ACTIVATION_UNIT_SCALE
            )
        if not gate_unit:
            self.pooled_to_gate = keras.layers.Dense(
                num_experts, use_bias=False, dtype=self.dtype_policy, name="pooled_to_gate"
            )

    def build(self, behaviors_shape: Any, context_shape: Any) -> None:
        check_pair_shapes(type(self).__name__, behaviors_shape, context_shape)
        if self.gate_unit is not None:
            self.gate_unit.build(behaviors_shape, context_shape)
        else:
            self.pooled_to_gate.build(context_shape)
        if self.activation_unit is not None:
            self.activation_unit.build(behaviors_shape, context_shape)
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.num_experts,), initializer=self._bias_initializer()
            )
        self.built = True

    def call(
        self, behaviors: Any, context: Any, behaviors_mask: Any, subset_mask: Any = None
    ) -> Any:
        behaviors = clear_padding(behaviors, behaviors_mask)
        counts = self._counts(behaviors, context)
        # Per behavior: what it says of each expert, (B, T, K) or (B, C, T, K), or the behavior.
        scores = behaviors if self.gate_unit is None else self.gate_unit(behaviors, context)
        gate = self._gate(counts, scores, behaviors_mask)
        if subset_mask is None:
            return gate
        return gate, self._gate(counts, scores, ops.logical_and(subset_mask, behaviors_mask))

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # The behavior axis is gone.

    def compute_output_spec(
        self, behaviors: Any, context: Any, behaviors_mask: Any, subset_mask: Any = None
    ) -> Any:
        # Not `compute_output_shape`: some versions of Keras do not tell it of masks.
        shape = (*context.shape[:-1], self.num_experts)
        gate = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if subset_mask is None:
            return gate
        return gate, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_experts": self.num_experts,
            "hidden_sizes": self.hidden_sizes,
            "activation_hidden_sizes": self.activation_hidden_sizes,
            "attention_normalization": self.attention_normalization,
            "attention_scale": self.attention_scale,
            "gate_normalization": self.gate_normalization,
            "gate_unit": self.gate_unit is not None,
            "activation_unit": self.activation_unit is not None,
            "use_bias": self.use_bias,
        }

    def _unit(self, name: str, output_size: int, sizes: Sequence[int], scale: float) -> PairUnit:
        return PairUnit(
            output_size,
            hidden_sizes=sizes,
            output_initializer_scale=scale,
            dtype=self.dtype_policy,
            name=name,
        )

    def _bias_initializer(self) -> Any:
        # Either way the first gate is the mean of the experts. From zeros instead, gate and
        # experts would start next to a saddle: each one's gradient is the other's value.
        if self.gate_normalization == "softmax":
            return "zeros"
        return keras.initializers.Constant(1 / self.num_experts)

    def _counts(self, behaviors: Any, context: Any) -> Any:
        """How much each behavior counts, before normalization: `(B, T)` or `(B, C, T)`."""
        if self.activation_unit is not None:
            return ops.squeeze(self.activation_unit(behaviors, context), -1)
        shape = (*ops.shape(context)[:-1], ops.shape(behaviors)[1])
        return ops.ones(shape, dtype=behaviors.dtype)

    def _gate(self, counts: Any, scores: Any, mask: Any) -> Any:
        """The sum over the behaviors of one mask: `(B, K)` or `(B, C, K)`."""
        weights = behavior_weights(counts, mask, self.attention_normalization, self.attention_scale)
        if self.gate_unit is None:
            gate = self.pooled_to_gate(weighted_sum(weights, scores))
        else:
            gate = ops.squeeze(ops.matmul(ops.expand_dims(weights, -2), scores), -2)
        if self.use_bias:
            gate = gate + self.bias
        return ops.softmax(gate, axis=-1) if self.gate_normalization == "softmax" else gate
