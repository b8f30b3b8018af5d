"""Experts that shall see an input differently from those that score it."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_choice, check_count

CHOICES = ("random", "bottom")


@keras.saving.register_keras_serializable(package="ranking")
class DisagreeingExperts(keras.layers.Layer):
    """Picks experts that a sparse gate left out: gate `(..., K)`, logits `(..., K)` -> `(..., K)`.

    Shapes are written with K = experts.

    Args:
        count: Number of experts picked for each row. Where the gate leaves out fewer, all those.
        choice: `"random"` draws them anew in every call, each set equally likely; `"bottom"` takes
            those with the smallest logits.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        gate: Float tensor `(..., K)`, above 0 at the experts that score the row.
        logits: Float tensor `(..., K)`. Only `"bottom"` reads them.

    Returns:
        Boolean tensor `(..., K)`, `True` at the experts picked, which no gate above 0 is among.

    Raises:
        ValueError: If an argument is out of range, or if K is unknown or below `count`.

    Example:
    >>> import numpy as np
    >>> gate, logits = np.array([[0.5, 0.5, 0.0, 0.0]]), np.array([[3.0, 3.0, 1.0, 2.0]])
    >>> DisagreeingExperts(1, choice="bottom")(gate, logits).numpy().tolist()
    [[False, False, True, False]]

    Reference:
        Adversarial Mixture Of Experts with Category Hierarchy Soft Constraint: the experts that are
        pushed away from those of the gate. The authors' code takes the bottom ones, their talk
        draws at random.
    """

    def __init__(
        self, count: int, *, choice: str = "random", seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        check_count("count", count)
        check_choice("choice", choice, CHOICES)
        self.count = count
        self.choice = choice
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other experts.
        self.seed_state = self.seed_generator.state.value

    def build(self, gate_shape: Any, logits_shape: Any) -> None:
        if gate_shape[-1] is None or gate_shape[-1] < self.count:
            raise ValueError(
                f"{type(self).__name__} needs at least as many experts as it picks. "
                f"Received: gate.shape={tuple(gate_shape)}, count={self.count}"
            )
        self.built = True

    def call(self, gate: Any, logits: Any) -> Any:
        left_out = ops.logical_not(gate > 0)
        if self.choice == "bottom":
            order = ops.negative(ops.cast(logits, "float32"))
        else:
            shape = ops.shape(gate)
            order = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        _, experts = ops.top_k(ops.where(left_out, order, -1e30), self.count)
        is_expert = ops.expand_dims(experts, -1) == ops.arange(gate.shape[-1])
        return ops.logical_and(left_out, ops.any(is_expert, axis=-2))

    def compute_output_spec(self, gate: Any, logits: Any) -> keras.KerasTensor:
        return keras.KerasTensor(tuple(gate.shape), dtype="bool")

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "count": self.count,
            "choice": self.choice,
            "seed": self.seed,
        }
