"""Another view of a session: some of its behaviors left out."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_behaviors_mask, check_rate


@keras.saving.register_keras_serializable(package="ranking")
class BehaviorMasking(keras.layers.Layer):
    """Drops behaviors at random in training: `(B, T)` mask -> `(B, T)` mask.

    Each `True` becomes `False` independently with one probability. A `False` stays: padding is
    never brought back. Outside training the mask comes back as it was.

    Args:
        probability: Probability of dropping a behavior, at least 0 and below 1.
        keep_one: Whether a session that had a behavior keeps at least one. Which one is as
            random as the rest.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors. T may be 0 or unknown.
        training: Whether behaviors are dropped.

    Returns:
        Boolean tensor `(B, T)`.

    Raises:
        ValueError: If `probability` is out of range, or if the mask is not of rank 2.

    Example:
    >>> masking = BehaviorMasking(0.5, keep_one=True, seed=1)
    >>> kept = masking(keras.ops.ones((100, 2), dtype="bool"), training=True)
    >>> bool(keras.ops.all(keras.ops.any(kept, axis=1))), bool(keras.ops.all(kept))
    (True, False)

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, section III-D: the masked sequence is the positive of the original one.
        `keep_one` is not in the paper; dropping everything imitates a new user.
    """

    def __init__(
        self, probability: float, *, keep_one: bool = False, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_rate("probability", probability)
        self.probability = probability
        self.keep_one = keep_one
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other masks.
        self.seed_state = self.seed_generator.state.value

    def build(self, *shapes: Any) -> None:
        self.built = True  # Some versions of Keras do not tell of the shapes of masks.

    def call(self, behaviors_mask: Any, training: bool | None = None) -> Any:
        check_behaviors_mask(type(self).__name__, behaviors_mask)
        if not training or not self.probability:
            return behaviors_mask
        # float32 under any policy: rounding the draws would change the rate.
        draws = keras.random.uniform(
            ops.shape(behaviors_mask), dtype="float32", seed=self.seed_generator
        )
        kept = draws >= self.probability
        if self.keep_one:
            # The largest draw is the last to be dropped, so where anything else is kept it is too.
            of_behaviors = ops.where(behaviors_mask, draws, -1.0)
            largest = ops.max(of_behaviors, axis=-1, keepdims=True, initial=-1.0)
            kept = ops.logical_or(kept, of_behaviors == largest)
        return ops.logical_and(behaviors_mask, kept)

    def compute_output_spec(
        self, behaviors_mask: Any, training: bool | None = None
    ) -> keras.KerasTensor:
        check_behaviors_mask(type(self).__name__, behaviors_mask)
        return keras.KerasTensor(behaviors_mask.shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "probability": self.probability,
            "keep_one": self.keep_one,
            "seed": self.seed,
        }
