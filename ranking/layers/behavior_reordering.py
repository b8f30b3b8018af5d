"""Another view of a session: the items of one stretch of it in another order."""

from typing import Any

import keras
from keras import ops

from ranking.layers.behavior_span import behavior_span, check_share


@keras.saving.register_keras_serializable(package="ranking")
class BehaviorReordering(keras.layers.Layer):
    """Shuffles a contiguous span of items in training: vectors `(B, T, D)` -> `(B, T, D)`.

    The span holds a share of the session's behaviors, rounded down but at least one, and begins at
    any place where it fits. Every order of it is equally likely, the old one too. All else stays
    where it was: other behaviors, and padding with whatever it holds. Outside training all stays.

    **What this can and cannot do.** A gate that adds up behaviors reads each by itself and none by
    its place, so it does not see an order. It sees what stands beside the item: give this layer the
    vectors of the *items* and leave fields that follow from the place (`steps_ago`, `days_ago`) as
    they are. Then items change places in time: what was bought last counts as bought earlier.
    Fields that tell something else of a behavior (`action`) stay with the place too, so an item
    that was ordered may pass for one that was clicked. Without any field beside the item the gate
    is the same in every order.

    Args:
        share: Share of the behaviors that the span holds, above 0 and at most 1.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        items: Float tensor `(B, T, D)`. T may be 0 or unknown.
        behaviors_mask: Boolean tensor `(B, T)`, `True` at real behaviors.
        training: Whether items change places.

    Returns:
        Float tensor `(B, T, D)`.

    Raises:
        ValueError: If `share` is out of range, or if the arguments are not of these ranks.

    Example:
    >>> items = keras.ops.reshape(keras.ops.arange(4.0), (1, 4, 1))
    >>> mask = keras.ops.arange(4)[None] < 3
    >>> moved = BehaviorReordering(1.0, seed=1)(items, mask, training=True)
    >>> sorted(moved.numpy()[0, :3, 0].tolist()), float(moved[0, 3, 0])
    ([0.0, 1.0, 2.0], 3.0)

    Reference:
        Contrastive Learning for Sequential Recommendation, the item reorder; AW-MoE names it as
        future work.
    """

    def __init__(self, share: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_share("share", share)
        self.share = share
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other orders.
        self.seed_state = self.seed_generator.state.value

    def build(self, *shapes: Any) -> None:
        self.built = True  # Some versions of Keras do not tell of the shapes of masks.

    def call(self, items: Any, behaviors_mask: Any, training: bool | None = None) -> Any:
        self._check_ranks(items, behaviors_mask)
        if not training:
            return items
        in_span = behavior_span(behaviors_mask, self.share, self.seed_generator)
        order = self._order(in_span)
        return ops.take_along_axis(items, ops.expand_dims(order, -1), axis=1)

    def compute_output_spec(
        self, items: Any, behaviors_mask: Any, training: bool | None = None
    ) -> keras.KerasTensor:
        self._check_ranks(items, behaviors_mask)
        return keras.KerasTensor(items.shape, dtype=self.compute_dtype)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share, "seed": self.seed}

    def _order(self, in_span: Any) -> Any:
        """For every place the place whose item comes there; int32 `(B, T)`."""
        shape = ops.shape(in_span)
        places = ops.cast(ops.arange(shape[1]), "float32") + 2.0
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        # Both list the span first and then the rest as it stands: once in order, once shuffled.
        listed = ops.argsort(ops.where(in_span, 0.0, places), axis=1)
        shuffled = ops.argsort(ops.where(in_span, draws, places), axis=1)
        return ops.cast(ops.take_along_axis(shuffled, ops.argsort(listed, axis=1), axis=1), "int32")

    def _check_ranks(self, items: Any, behaviors_mask: Any) -> None:
        if len(items.shape) != 3 or len(behaviors_mask.shape) != 2:
            raise ValueError(
                f"{type(self).__name__} takes `items` of shape (B, T, D) and `behaviors_mask` of "
                f"shape (B, T). Received: items.shape={tuple(items.shape)}, "
                f"behaviors_mask.shape={tuple(behaviors_mask.shape)}"
            )
