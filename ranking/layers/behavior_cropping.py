"""Another view of a session: one stretch of its behaviors."""

from typing import Any

import keras

from ranking.layers.argument_checks import check_behaviors_mask
from ranking.layers.behavior_span import behavior_span, check_share


@keras.saving.register_keras_serializable(package="ranking")
class BehaviorCropping(keras.layers.Layer):
    """Keeps a contiguous span of behaviors in training: `(B, T)` mask -> `(B, T)` mask.

    The span holds a share of the session's behaviors, rounded down but at least one, and begins at
    any place where it fits, each equally likely. A `False` stays: padding is never brought back.
    Outside training the mask comes back as it was.

    Args:
        share: Share of the behaviors kept, above 0 and at most 1.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors. T may be 0 or unknown.
        training: Whether behaviors are dropped.

    Returns:
        Boolean tensor `(B, T)`.

    Raises:
        ValueError: If `share` is out of range, or if the mask is not of rank 2.

    Example:
    >>> mask = keras.ops.arange(7)[None] < 4
    >>> kept = BehaviorCropping(0.5, seed=1)(mask, training=True)
    >>> int(keras.ops.count_nonzero(kept))
    2

    Reference:
        Contrastive Learning for Sequential Recommendation, the item crop; AW-MoE names it as future
        work.
    """

    def __init__(self, share: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_share("share", share)
        self.share = share
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other spans.
        self.seed_state = self.seed_generator.state.value

    def build(self, *shapes: Any) -> None:
        self.built = True  # Some versions of Keras do not tell of the shapes of masks.

    def call(self, behaviors_mask: Any, training: bool | None = None) -> Any:
        check_behaviors_mask(type(self).__name__, behaviors_mask)
        if not training:
            return behaviors_mask
        return behavior_span(behaviors_mask, self.share, self.seed_generator)

    def compute_output_spec(
        self, behaviors_mask: Any, training: bool | None = None
    ) -> keras.KerasTensor:
        check_behaviors_mask(type(self).__name__, behaviors_mask)
        return keras.KerasTensor(behaviors_mask.shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "seed": self.seed}
