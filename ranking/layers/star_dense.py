"""Dense layer of which every scenario has its own variant around shared weights."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class StarDense(keras.layers.Layer):
    """Dense layer by scenario, with star topology: `(B, C, N)` -> `(B, C, units)`.

        outputs = activation(inputs (W_p * W) + (b_p + b))

    for the scenario p of each session, `*` element by element. W_p starts as ones and b_p as zeros,
    so every scenario starts as the shared layer. A session of mixed weights, such as one of unknown
    scenario, gets the mix of the scenarios' kernels and biases.

    Shapes are written with B = batch, C = candidates, N = width, S = scenarios.

    Args:
        units: Width of the output.
        activation: Applied to the output.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, N)`, finite at padding too.
        scenario: Float tensor `(B, S)`, rows that sum to 1.

    Raises:
        ValueError: If `units` is not a whole number from 1 on.

    Example:
    >>> StarDense(3)(keras.ops.ones((2, 5, 7)), keras.ops.eye(2)).shape
    TensorShape([2, 5, 3])

    Reference:
        One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction,
        section 3.4.
    """

    def __init__(self, units: int, *, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("units", units)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, inputs_shape: Any, scenario_shape: Any) -> None:
        width, num_scenarios = inputs_shape[-1], scenario_shape[-1]
        self.kernel = self.add_weight(
            name="kernel", shape=(width, self.units), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.scenario_kernel = self.add_weight(
            name="scenario_kernel", shape=(num_scenarios, width, self.units), initializer="ones"
        )
        self.scenario_bias = self.add_weight(
            name="scenario_bias", shape=(num_scenarios, self.units), initializer="zeros"
        )
        self.built = True

    def call(self, inputs: Any, scenario: Any) -> Any:
        # The outputs of all scenarios side by side, then the session's own. Measured for 93
        # sessions of 11 candidates, a kernel per session took longer for up to five scenarios.
        num_scenarios, width, _ = self.scenario_kernel.shape
        kernels = ops.transpose(self.scenario_kernel * self.kernel, (1, 0, 2))  # (N, S, units)
        outputs = ops.matmul(
            ops.reshape(inputs, (-1, width)),
            ops.reshape(kernels, (width, num_scenarios * self.units)),
        )
        outer = ops.shape(inputs)[:-1]
        outputs = ops.reshape(outputs, (*outer, num_scenarios, self.units))
        outputs = ops.sum(outputs * scenario[:, None, :, None], axis=2)
        bias = ops.matmul(scenario, self.scenario_bias) + self.bias
        return self.activation(outputs + ops.expand_dims(bias, 1))

    def compute_output_shape(
        self, inputs_shape: Any, scenario_shape: Any
    ) -> tuple[int | None, ...]:
        return (*inputs_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }
