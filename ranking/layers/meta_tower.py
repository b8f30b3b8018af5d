"""Residual towers whose weights the scenario generates, one logit for every task."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count
from ranking.layers.meta_attention import META_UNITS
from ranking.layers.meta_unit import MetaUnit


@keras.saving.register_keras_serializable(package="ranking")
class MetaTower(keras.layers.Layer):
    """Scores each task's vector: `(B, C, J, E)`, `(B, H)` -> `(B, C, J)`.

        hidden[j] <- leaky_relu(MetaUnit(hidden[j]) + hidden[j])              layer by layer
        outputs[j] = hidden[j] . w_j + b_j

    Shapes are written with B = batch, C = candidates, J = tasks, E = width, H = width of the
    knowledge.

    Args:
        num_layers: Number of residual layers, each with a meta unit.
        unit_layers: Number of generated layers of a meta unit.
        meta_units: `"shared"`: the tasks have their meta units in common; `"per_task"`: each has
            its own. Output layers are their own either way.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, J, E)`, finite at padding too. J must be known.
        knowledge: Float tensor `(B, H)`: what the weights are generated from.

    Raises:
        ValueError: If an argument is out of range.

    Example:
    >>> MetaTower(2)(keras.ops.ones((3, 5, 2, 7)), keras.ops.ones((3, 6))).shape
    TensorShape([3, 5, 2])

    Reference:
        Leaving No One Behind: A Multi-Scenario Multi-Task Meta Learning Approach for Advertiser
        Modeling, section 3.3 (meta tower). Whether tasks share meta units is open there.
    """

    def __init__(
        self,
        num_layers: int = 1,
        *,
        unit_layers: int = 1,
        meta_units: str = "shared",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_count("num_layers", num_layers)
        check_count("unit_layers", unit_layers)
        check_choice("meta_units", meta_units, META_UNITS)
        self.num_layers = num_layers
        self.unit_layers = unit_layers
        self.meta_units = meta_units

    def build(self, inputs_shape: Any, knowledge_shape: Any) -> None:
        num_tasks, width = inputs_shape[-2:]
        for layer in range(self.num_layers):
            for index in range(num_tasks if self.meta_units == "per_task" else 1):
                unit = MetaUnit(self.unit_layers, dtype=self.dtype_policy)
                setattr(self, f"unit_{layer}_{index}", unit)
                unit.build((None, None, width), knowledge_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(num_tasks, width),
            # As for a dense layer of one output for each task, not one layer of all of them.
            initializer=keras.initializers.RandomUniform(*_limits(width)),
        )
        self.bias = self.add_weight(name="bias", shape=(num_tasks,), initializer="zeros")
        self.built = True

    def call(self, inputs: Any, knowledge: Any) -> Any:
        hidden = inputs
        for layer in range(self.num_layers):
            generated = self._generated(layer, hidden, knowledge)
            hidden = keras.activations.leaky_relu(generated + hidden)
        return ops.sum(hidden * self.kernel, axis=-1) + self.bias

    def compute_output_shape(
        self, inputs_shape: Any, knowledge_shape: Any
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape[:-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "unit_layers": self.unit_layers,
            "meta_units": self.meta_units,
        }

    def _generated(self, layer: int, hidden: Any, knowledge: Any) -> Any:
        """What the meta units of one layer make of `(B, C, J, E)`."""
        sessions, candidates, num_tasks, width = ops.shape(hidden)
        if self.meta_units == "shared":
            rows = ops.reshape(hidden, (sessions, candidates * num_tasks, hidden.shape[-1]))
            rows = getattr(self, f"unit_{layer}_0")(rows, knowledge)
            return ops.reshape(rows, (sessions, candidates, num_tasks, width))
        units = [getattr(self, f"unit_{layer}_{task}") for task in range(hidden.shape[2])]
        rows = [unit(hidden[:, :, task], knowledge) for task, unit in enumerate(units)]
        return ops.stack(rows, axis=2)


def _limits(width: int) -> tuple[float, float]:
    limit = (6.0 / (width + 1)) ** 0.5
    return -limit, limit
