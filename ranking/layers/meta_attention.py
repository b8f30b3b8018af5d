"""Mix of experts for every task, by attention whose weights the scenario generates."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.meta_unit import MetaUnit

META_UNITS = ("shared", "per_task")


@keras.saving.register_keras_serializable(package="ranking")
class MetaAttention(keras.layers.Layer):
    """Mixes experts for every task: `(B, C, N, E)`, `(J, E)`, `(B, H)` -> `(B, C, J, E)`.

        score[j, i] = v . MetaUnit([expert_i || task_j])
        outputs[j] = sum_i softmax_i(score[j]) * expert_i

    Shapes are written with B = batch, C = candidates, N = experts, E = width, J = tasks, H = width
    of the knowledge.

    Args:
        num_tasks: Number of tasks J.
        num_layers: Number of generated layers of a meta unit.
        meta_units: `"shared"`: one meta unit and one v, which tell tasks apart by their vectors;
            `"per_task"`: each task has its own.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        experts: Float tensor `(B, C, N, E)`, finite at padding too.
        tasks: Float tensor `(J, E)`.
        knowledge: Float tensor `(B, H)`: what the weights are generated from.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> ones = keras.ops.ones
    >>> MetaAttention(2)(ones((3, 5, 4, 7)), ones((2, 7)), ones((3, 6))).shape
    TensorShape([3, 5, 2, 7])

    Reference:
        Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
        Modeling, section 3.3 (meta attention). Whether tasks share a meta unit is open there.
    """

    def __init__(
        self,
        num_tasks: int,
        *,
        num_layers: int = 1,
        meta_units: str = "shared",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_tasks", num_tasks)
        check_choice("meta_units", meta_units, META_UNITS)
        self.num_tasks = num_tasks
        self.num_layers = num_layers
        self.meta_units = meta_units
        for index in range(self._num_units()):
            setattr(self, f"unit_{index}", MetaUnit(num_layers, dtype=self.dtype_policy))

    def build(self, experts_shape: Any, tasks_shape: Any, knowledge_shape: Any) -> None:
        width = 2 * experts_shape[-1]
        for index in range(self._num_units()):
            getattr(self, f"unit_{index}").build((None, None, width), knowledge_shape)
            name = f"score_kernel_{index}"
            kernel = self.add_weight(name=name, shape=(width, 1), initializer="glorot_uniform")
            setattr(self, name, kernel)
        self.built = True

    def call(self, experts: Any, tasks: Any, knowledge: Any) -> Any:
        if self.meta_units == "shared":
            scores = self._scores(0, experts, tasks, knowledge)
        else:
            scores = ops.concatenate(
                [
                    self._scores(index, experts, tasks[index : index + 1], knowledge)
                    for index in range(self.num_tasks)
                ],
                axis=2,
            )
        weights = ops.expand_dims(ops.softmax(scores, axis=-1), -1)  # (B, C, J, N, 1)
        return ops.sum(weights * ops.expand_dims(experts, 2), axis=3)

    def compute_output_shape(
        self, experts_shape: Any, tasks_shape: Any, knowledge_shape: Any
    ) -> tuple[int | None, ...]:
        return (*experts_shape[:2], self.num_tasks, experts_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tasks": self.num_tasks,
            "num_layers": self.num_layers,
            "meta_units": self.meta_units,
        }

    def _num_units(self) -> int:
        return self.num_tasks if self.meta_units == "per_task" else 1

    def _scores(self, index: int, experts: Any, tasks: Any, knowledge: Any) -> Any:
        """One meta unit's scores of all experts for some tasks: `(B, C, tasks, N)`."""
        sessions, candidates, number, width = ops.shape(experts)
        shape = (sessions, candidates, tasks.shape[0], number, width)
        pairs = ops.concatenate(
            [
                ops.broadcast_to(ops.expand_dims(experts, 2), shape),
                ops.broadcast_to(ops.expand_dims(tasks, 1), shape),
            ],
            axis=-1,
        )
        rows_shape = (sessions, candidates * shape[2] * number, 2 * width)
        rows = ops.reshape(pairs, rows_shape)
        rows = getattr(self, f"unit_{index}")(rows, knowledge)
        return ops.reshape(ops.matmul(rows, getattr(self, f"score_kernel_{index}")), shape[:-1])
