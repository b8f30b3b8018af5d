"""Which scenario a session is of, as weights."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count

_FIRST_SCENARIO = 2  # Ids before it are padding (0) and unknown (1), as in every table.


@keras.saving.register_keras_serializable(package="ranking")
class ScenarioWeights(keras.layers.Layer):
    """Maps encoded scenario ids to weights of the scenarios: `(B,)` -> `(B, S)`.

    Ids from 2 on are the scenarios, and get a 1 at their scenario and zeros elsewhere. Any other
    id (padding, unknown, or past the last scenario) gets 1/S everywhere: what belongs to single
    scenarios is averaged, which leaves what the scenarios have in common.

    Whatever exists once per scenario is selected by a product with these weights. So nothing is
    gathered, and a session's gradient is exactly zero for the other scenarios.

    Shapes are written with B = batch, S = scenarios.

    Args:
        num_scenarios: Number of scenarios S.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        ids: Integer tensor `(B,)`.

    Returns:
        Float tensor `(B, S)`. Each row adds up to 1.

    Raises:
        ValueError: If `num_scenarios` is below 1, or if `ids` is not of rank 1.

    Example:
    >>> import numpy as np
    >>> ScenarioWeights(2)(np.array([2, 3, 1])).numpy().tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    """

    def __init__(self, num_scenarios: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("num_scenarios", num_scenarios)
        self.num_scenarios = num_scenarios

    def call(self, ids: Any) -> Any:
        if len(ids.shape) != 1:
            raise ValueError(
                f"{type(self).__name__} takes `ids` of shape (B,). "
                f"Received: ids.shape={tuple(ids.shape)}"
            )
        scenarios = ops.arange(_FIRST_SCENARIO, _FIRST_SCENARIO + self.num_scenarios, dtype="int32")
        is_scenario = ops.expand_dims(ops.cast(ids, "int32"), -1) == scenarios
        is_known = ops.any(is_scenario, axis=-1, keepdims=True)
        weights = ops.cast(is_scenario, self.compute_dtype)
        return ops.where(is_known, weights, 1.0 / self.num_scenarios)

    def compute_output_shape(self, ids_shape: Any) -> tuple[int | None, ...]:
        return (*ids_shape, self.num_scenarios)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_scenarios": self.num_scenarios}
