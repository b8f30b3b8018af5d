"""One level of progressive layered extraction: own and shared experts under gates."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.expert_gates import ExpertGates
from ranking.layers.mix_experts import mix_experts
from ranking.layers.stacked_mlp import StackedMlp
from ranking.layers.stacks import check_stack


@keras.saving.register_keras_serializable(package="ranking")
class ExpertLevel(keras.layers.Layer):
    """Extracts a vector for every group: `(*stack, N, D)`, `(N, D)` -> `(*stack, N, size)`.

        own[g, i] = MLP(x[g]),  shared[i] = MLP(x_shared)
        f[g] = softmax(W[g] x[g]) [own[g, 1], ..., own[g, m], shared[1], ..., shared[n]]
        f_shared = softmax(W_shared x_shared) [all own experts of all groups, shared experts]

    A group reads its own experts and the shared ones; the shared module reads all experts. Nothing
    reads what the shared module of the last level would say, so there it does not exist.

    Shapes are written with N = rows, D = width.

    Args:
        stack: Sizes of the axes of the groups, for example `(scenarios, tasks)`.
        hidden_sizes: Sizes of each expert's layers, all with ReLU.
        specific_experts: Number m of each group's own experts.
        shared_experts: Number n of shared experts.
        is_last: Whether no level follows.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        groups: Float tensor `(*stack, N, D)`, or `(N, D)` where all groups read the same, as on
            the first level.
        shared: Float tensor `(N, D)`.

    Returns:
        Float tensor `(*stack, N, size)` of the groups, and `(N, size)` of the shared module. On the
        last level the groups' alone.

    Raises:
        ValueError: If an argument is out of range, or if a last dimension is unknown.

    Example:
    >>> level = ExpertLevel((2, 3), hidden_sizes=(5,), specific_experts=1, shared_experts=2)
    >>> rows = keras.ops.ones((11, 7))
    >>> [part.shape for part in level(rows, rows)]
    [TensorShape([2, 3, 11, 5]), TensorShape([11, 5])]

    Reference:
        Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
        Personalized Recommendations, equations 2 to 6.
    """

    def __init__(
        self,
        stack: Sequence[int],
        *,
        hidden_sizes: Sequence[int],
        specific_experts: int,
        shared_experts: int,
        is_last: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_stack(stack)
        check_sizes("hidden_sizes", hidden_sizes)
        check_count("specific_experts", specific_experts)
        check_count("shared_experts", shared_experts)
        self.stack = tuple(stack)
        self.hidden_sizes = tuple(hidden_sizes)
        self.specific_experts = specific_experts
        self.shared_experts = shared_experts
        self.is_last = is_last
        self.num_groups = math.prod(self.stack)
        self.num_specific = self.num_groups * specific_experts
        self._make_layers()

    def build(self, groups_shape: Any, shared_shape: Any) -> None:
        self.specific.build(groups_shape)
        self.shared.build(shared_shape)
        self.group_gates.build(groups_shape)
        if not self.is_last:
            self.shared_gate.build(shared_shape)
        self.built = True

    def call(self, groups: Any, shared: Any) -> Any:
        if len(groups.shape) > 2:  # An axis for the experts of each group.
            read = ops.expand_dims(groups, -3)
        else:
            read = groups
        rows, size = ops.shape(shared)[0], self.hidden_sizes[-1]
        specific = ops.reshape(self.specific(read), (self.num_specific, rows, size))
        experts = ops.concatenate([specific, self.shared(shared)], axis=0)
        weights = self._over_all_experts(self.group_gates(groups))
        if not self.is_last:
            weights = ops.concatenate([weights, self.shared_gate(shared)], axis=1)
        mixed = mix_experts(weights, experts)  # (groups, or one more, N, size)
        shape = (*self.stack, rows, size)
        if self.is_last:
            return ops.reshape(mixed, shape)
        return ops.reshape(mixed[:-1], shape), mixed[-1]

    def compute_output_shape(self, groups_shape: Any, shared_shape: Any) -> Any:
        own = (*shared_shape[:-1], self.hidden_sizes[-1])
        return (*self.stack, *own) if self.is_last else ((*self.stack, *own), own)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "stack": self.stack,
            "hidden_sizes": self.hidden_sizes,
            "specific_experts": self.specific_experts,
            "shared_experts": self.shared_experts,
            "is_last": self.is_last,
        }

    def _make_layers(self) -> None:
        sizes, common = self.hidden_sizes, {"dtype": self.dtype_policy}
        own, shared = self.specific_experts, self.shared_experts
        self.specific = StackedMlp((*self.stack, own), sizes, name="specific", **common)
        self.shared = StackedMlp((shared,), sizes, name="shared", **common)
        self.group_gates = ExpertGates(self.stack, own + shared, name="group_gates", **common)
        if not self.is_last:
            num_experts = self.num_specific + shared
            self.shared_gate = ExpertGates((), num_experts, name="shared_gate", **common)

    def _over_all_experts(self, weights: Any) -> Any:
        """Each group's weights of own and shared experts `(N, G, m + n)` -> of all experts.

        A group gives 0 to the own experts of other groups. So one product mixes for all groups.
        """
        own, shared = weights[..., : self.specific_experts], weights[..., self.specific_experts :]
        is_own = ops.eye(self.num_groups, dtype=weights.dtype)[:, :, None]
        spread = ops.expand_dims(own, 2) * is_own  # (N, G, G, m)
        shape = (ops.shape(weights)[0], self.num_groups, self.num_specific)
        return ops.concatenate([ops.reshape(spread, shape), shared], axis=-1)
