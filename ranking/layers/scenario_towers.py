"""Towers: the last layers of a multi-scenario model, one network per scenario and task."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count, check_sizes
from ranking.layers.stacked_mlp import StackedMlp


@keras.saving.register_keras_serializable(package="ranking")
class ScenarioTowers(keras.layers.Layer):
    """Logits of every task in each session's scenario: `(B, C, D)`, `(B, S)` -> `(B, C, J)`.

        logits[b, c, j] = sum_s scenario[b, s] * tower[s, j](inputs[b, c])

    A tower is a stack of dense layers with ReLU that ends in one logit. All towers are computed,
    and their logits are what the scenario weights mix. So a session of no known scenario, whose
    weights are uniform, gets the mean of the scenarios' logits. Mixing the kernels of the towers
    instead would give it a network of averaged weights, which is none of theirs nor between them;
    it saves work only where there are many scenarios (on two, it takes about twice the time, on
    ten, half).

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios, J = tasks.

    Args:
        num_tasks: Number of tasks J.
        hidden_sizes: Sizes of each tower's hidden layers; none for a linear tower.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, D)`, which all towers read, or `(S, J, B, C, D)`, one vector
            for each.
        scenario: Float tensor `(B, S)`, see `ScenarioWeights`.

    Raises:
        ValueError: If a size is out of range, or if a last dimension is unknown.

    Example:
    >>> towers = ScenarioTowers(2, hidden_sizes=(5,))
    >>> towers(keras.ops.ones((3, 11, 7)), keras.ops.ones((3, 2))).shape
    TensorShape([3, 11, 2])
    """

    def __init__(self, num_tasks: int, *, hidden_sizes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_sizes("hidden_sizes", hidden_sizes)
        self.num_tasks = num_tasks
        self.hidden_sizes = tuple(hidden_sizes)

    def build(self, inputs_shape: Any, scenario_shape: Any) -> None:
        if scenario_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__} needs `scenario` of a known last dimension, the number of "
                f"scenarios. Received: scenario.shape={tuple(scenario_shape)}"
            )
        self.networks = StackedMlp(
            (scenario_shape[-1], self.num_tasks),
            self.hidden_sizes,
            output_size=1,
            dtype=self.dtype_policy,
            name="networks",
        )
        self.networks.build((None, inputs_shape[-1]))
        self.built = True

    def call(self, inputs: Any, scenario: Any) -> Any:
        *stack, sessions, candidates, _ = ops.shape(inputs)
        rows = ops.reshape(inputs, (*stack, sessions * candidates, inputs.shape[-1]))
        logits = self.networks(rows)  # (S, J, B * C, 1)
        logits = ops.reshape(logits, (*self.networks.stack, sessions, candidates))
        weights = ops.transpose(scenario)[:, None, :, None]  # (S, 1, B, 1)
        return ops.transpose(ops.sum(weights * logits, axis=0), (1, 2, 0))

    def compute_output_shape(
        self, inputs_shape: Any, scenario_shape: Any
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[-3:-1], self.num_tasks)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "hidden_sizes": self.hidden_sizes,
        }
