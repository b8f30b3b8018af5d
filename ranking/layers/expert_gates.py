"""Gates that weigh experts, one per scenario and task."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count
from ranking.layers.stacks import check_stack, stacked_glorot


@keras.saving.register_keras_serializable(package="ranking")
class ExpertGates(keras.layers.Layer):
    """Weighs K experts by linear gates: `(N, D)` or `(*stack, N, D)` -> `(N, G, K)`.

        weights[n, g] = softmax(x[n] W[g])        over the experts, without bias

    Shapes are written with N = rows, D = width, K = experts, G = gates, as many as the stack
    holds, its last axis running fastest.

    Args:
        stack: Sizes of the axes of the gates, for example `(scenarios, tasks)`; `()` for one
            gate.
        num_experts: Number of experts K that each gate weighs, at least 2.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(N, D)`, which all gates read, or `(*stack, N, D)`, one vector for
            each.

    Returns:
        Float tensor `(N, G, K)`, which adds up to 1 over the experts.

    Raises:
        ValueError: If a size is out of range, or if the last dimension is unknown.

    Example:
    >>> ExpertGates((2, 3), 4)(keras.ops.ones((11, 7))).shape
    TensorShape([11, 6, 4])

    Reference:
        Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts,
        equation 8.
    """

    def __init__(self, stack: Sequence[int], num_experts: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_stack(stack)
        check_experts("num_experts", num_experts)
        self.stack = tuple(stack)
        self.num_experts = num_experts

    def build(self, inputs_shape: Any) -> None:
        if inputs_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs inputs of a known last dimension. "
                f"Received: inputs.shape={tuple(inputs_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.stack, inputs_shape[-1], self.num_experts),
            initializer=stacked_glorot(self.stack),
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        gates, width = math.prod(self.stack), inputs.shape[-1]
        kernel = ops.reshape(self.kernel, (gates, width, self.num_experts))
        if len(inputs.shape) == 2:
            logits = ops.einsum("nd,gdk->ngk", inputs, kernel)
        else:
            rows = ops.reshape(inputs, (gates, ops.shape(inputs)[-2], width))
            logits = ops.einsum("gnd,gdk->ngk", rows, kernel)
        return ops.softmax(logits, axis=-1)

    def compute_output_shape(self, inputs_shape: Any) -> tuple[int | None, ...]:
        return (inputs_shape[-2], math.prod(self.stack), self.num_experts)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stack": self.stack, "num_experts": self.num_experts}


def check_experts(name: str, value: int) -> None:
    """Refuses a number of experts that leaves a gate nothing to weigh."""
    check_count(name, value)
    if value < 2:
        raise ValueError(
            f"`{name}` must be at least 2, for a gate to weigh experts against each other. "
            f"Received: {name}={value!r}"
        )
