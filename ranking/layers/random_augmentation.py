"""Another view of a session: masked, cropped or reordered, whatever chance says."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_rate
from ranking.layers.behavior_cropping import BehaviorCropping
from ranking.layers.behavior_masking import BehaviorMasking
from ranking.layers.behavior_reordering import BehaviorReordering
from ranking.layers.behavior_span import check_share


@keras.saving.register_keras_serializable(package="ranking")
class RandomAugmentation(keras.layers.Layer):
    """Masks, crops or reorders each session: `(B, T, D)`, `(B, T)` -> `(B, T, D)`, `(B, T)`.

    Every session draws one of the three, each with chance 1/3, independently of the others. What a
    masked or a cropped session is left with is said by the mask, what a reordered one looks like by
    the items; see the three layers. Outside training both come back as they were.

    Args:
        mask_probability: Probability of dropping a behavior of a session that is masked.
        keep_one: Whether masking leaves one behavior where there is any.
        crop_share: Share of the behaviors that a cropped session keeps.
        reorder_share: Share of the behaviors whose items are shuffled in a reordered session.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        items: Float tensor `(B, T, D)`. T may be 0 or unknown.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        training: Whether sessions are changed.

    Returns:
        Items `(B, T, D)` and mask `(B, T)`.

    Raises:
        ValueError: If a rate is out of range, or if the arguments are not of these ranks.

    Example:
    >>> augmentation = RandomAugmentation(mask_probability=0.9, crop_share=0.5, reorder_share=0.5)
    >>> mask = keras.ops.ones((300, 4), dtype="bool")
    >>> items, kept = augmentation(keras.ops.ones((300, 4, 2)), mask, training=True)
    >>> bool(keras.ops.any(keras.ops.all(kept, axis=1))), bool(keras.ops.all(kept))
    (True, False)

    Reference:
        Contrastive Learning for Sequential Recommendation, which draws its augmentations at random.
    """

    def __init__(
        self,
        *,
        mask_probability: float,
        crop_share: float,
        reorder_share: float,
        keep_one: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_rate("mask_probability", mask_probability)
        check_share("crop_share", crop_share)
        check_share("reorder_share", reorder_share)
        self.mask_probability = mask_probability
        self.keep_one = keep_one
        self.crop_share = crop_share
        self.reorder_share = reorder_share
        self.seed = seed
        # Streams of one seed would draw alike: which sessions are cropped must not say where.
        seeds = [None if seed is None else seed + number for number in range(4)]
        dtype = self.dtype_policy
        self.masking = BehaviorMasking(
            mask_probability, keep_one=keep_one, seed=seeds[1], dtype=dtype
        )
        self.cropping = BehaviorCropping(crop_share, seed=seeds[2], dtype=dtype)
        self.reordering = BehaviorReordering(reorder_share, seed=seeds[3], dtype=dtype)
        self.seed_generator = keras.random.SeedGenerator(seeds[0])
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw otherwise.
        self.seed_state = self.seed_generator.state.value

    def build(self, *shapes: Any) -> None:
        for layer in (self.masking, self.cropping, self.reordering):
            layer.build()
        self.built = True  # Some versions of Keras do not tell of the shapes of masks.

    def call(
        self, items: Any, behaviors_mask: Any, training: bool | None = None
    ) -> tuple[Any, Any]:
        reordered = self.reordering(items, behaviors_mask, training=training)
        if not training:
            return items, behaviors_mask
        masked = self.masking(behaviors_mask, training=training)
        cropped = self.cropping(behaviors_mask, training=training)
        sessions = ops.shape(behaviors_mask)[:1]
        draws = keras.random.uniform(sessions, dtype="float32", seed=self.seed_generator)[:, None]
        kept = ops.where(draws < 1 / 3, masked, ops.where(draws < 2 / 3, cropped, behaviors_mask))
        return ops.where((draws < 2 / 3)[..., None], items, reordered), kept

    def compute_output_spec(
        self, items: Any, behaviors_mask: Any, training: bool | None = None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        moved = self.reordering.compute_output_spec(items, behaviors_mask)
        return moved, keras.KerasTensor(behaviors_mask.shape, dtype="bool")

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mask_probability": self.mask_probability,
            "crop_share": self.crop_share,
            "reorder_share": self.reorder_share,
            "keep_one": self.keep_one,
            "seed": self.seed,
        }
