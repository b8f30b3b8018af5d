"""User vector: behaviors weighted by how much they have to do with a context."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ranking.layers.behavior_weights import (
    ACTIVATION_UNIT_SCALE,
    behavior_weights,
    check_weight_options,
    weighted_sum,
)
from ranking.layers.clear_padding import clear_padding
from ranking.layers.pair_unit import PairUnit, check_pair_shapes


@keras.saving.register_keras_serializable(package="ranking")
class AttentionPooling(keras.layers.Layer):
    """Sums behaviors by their attention scores: `(B, T, D)`, `(B, C, D)` -> `(B, C, D)`.

        pooled[b, c] = sum_t mask[b, t] * weight(behaviors[b, t], context[b, c]) * behaviors[b, t]

    A session without behaviors gets zeros. The scores start small, because their sum grows with
    the length of the history.

    Shapes are written with B = batch, T = behaviors, C = candidates, D = width.

    Args:
        hidden_sizes: Sizes of the activation unit's hidden layers.
        normalization: `"none"` takes the unit's scores as they are, `"softmax"` makes them sum
            to one over the behaviors of a session.
        scale: `"none"`, or `"sqrt_length"` to divide raw scores by the square root of the number
            of behaviors.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors: Float tensor `(B, T, D)`. T may be 0 or unknown.
        context: Float tensor `(B, D)`, or `(B, C, D)` for one context per candidate.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.

    Returns:
        Float tensor `(B, D)` or `(B, C, D)`.

    Raises:
        ValueError: If an argument is out of range, or if `behaviors` and `context` are not of
            these ranks or differ in width.

    Example:
    >>> import numpy as np
    >>> pooling = AttentionPooling(hidden_sizes=(8,), normalization="softmax")
    >>> behaviors = keras.ops.ones((2, 3, 5))
    >>> mask = np.array([[True, True, False], [False, False, False]])
    >>> pooling(behaviors, behaviors[:, 0], mask).numpy().round(3).tolist()
    [[1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]]

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equation 3. It takes the scores as they are.
    """

    def __init__(
        self,
        *,
        hidden_sizes: Sequence[int] = (64, 32),
        normalization: str = "none",
        scale: str = "none",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_weight_options("", normalization, scale)
        self.hidden_sizes = tuple(hidden_sizes)
        self.normalization = normalization
        self.scale = scale
        self.activation_unit = PairUnit(
            1,
            hidden_sizes=hidden_sizes,
            output_initializer_scale=ACTIVATION_UNIT_SCALE,
            dtype=self.dtype_policy,
            name="activation_unit",
        )

    def build(self, behaviors_shape: Any, context_shape: Any) -> None:
        check_pair_shapes(type(self).__name__, behaviors_shape, context_shape)
        self.activation_unit.build(behaviors_shape, context_shape)
        self.built = True

    def call(self, behaviors: Any, context: Any, behaviors_mask: Any) -> Any:
        behaviors = clear_padding(behaviors, behaviors_mask)
        scores = ops.squeeze(self.activation_unit(behaviors, context), -1)
        weights = behavior_weights(scores, behaviors_mask, self.normalization, self.scale)
        return weighted_sum(weights, behaviors)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # The behavior axis is gone.

    def compute_output_shape(
        self, behaviors_shape: Any, context_shape: Any, behaviors_mask_shape: Any = None
    ) -> tuple[int | None, ...]:
        return tuple(context_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_sizes": self.hidden_sizes,
            "normalization": self.normalization,
            "scale": self.scale,
        }
