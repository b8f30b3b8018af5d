"""One vector per scenario, for whoever looks at a row from all of them."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class ScenarioViews(keras.layers.Layer):
    """The vectors of all scenarios, for every row: `(B, S)` -> `(B, S, d)`.

        views[b, k] = embedding[k] W + bias

    Every row gets the views of all scenarios and not only of its own: what a user wants in search
    is asked of a recommendation session too. So the numbers of the argument have no influence,
    only its shape has.

    Args:
        size: Width d of the vectors, and of the embeddings.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        scenario: Tensor `(B, S)`, as `ScenarioWeights` returns it. S must be known.

    Returns:
        Float tensor `(B, S, d)`.

    Raises:
        ValueError: If `size` is below 1, or if `scenario` is not of this shape.

    Example:
    >>> ScenarioViews(3)(keras.ops.ones((5, 2))).shape
    TensorShape([5, 2, 3])

    Reference:
        Unified Search and Recommendation (arXiv 2405.10835), section 3.2: the scenario encoding.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_count("size", size)
        self.size = size
        self.dense = keras.layers.Dense(size, dtype=self.dtype_policy, name="dense")

    def build(self, scenario_shape: Any) -> None:
        if len(scenario_shape) != 2 or scenario_shape[1] is None:
            raise ValueError(
                f"{type(self).__name__} takes `scenario` of shape (B, S), S known. "
                f"Received: scenario.shape={tuple(scenario_shape)}"
            )
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(scenario_shape[1], self.size),
            # Far enough apart for the views to differ from the first step on.
            initializer=keras.initializers.RandomUniform(-1.0, 1.0),
        )
        self.dense.build((scenario_shape[1], self.size))
        self.built = True

    def call(self, scenario: Any) -> Any:
        views = ops.expand_dims(self.dense(self.embeddings), 0)
        return ops.broadcast_to(views, (ops.shape(scenario)[0], *views.shape[1:]))

    def compute_output_shape(self, scenario_shape: Any) -> tuple[int | None, ...]:
        return (*scenario_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
