"""Negatives for a contrastive loss, drawn from the rest of the batch."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_count


@keras.saving.register_keras_serializable(package="ranking")
class NegativeSampler(keras.layers.Layer):
    """Draws for each row some rows of other owners: `(N,)` owners -> `(N, l)` row numbers.

    Rows of the anchor's own owner (its session, or its user) say the same as the anchor and are
    no negatives. The draw is uniform over the valid rows of all other owners, with replacement,
    and exact: in the order of owners the rows of one owner form one block, so a number drawn
    below the count of the other rows, moved on by the block's length from the block's start on,
    is one of them. That takes a sort and no `(N, N)` table.

    Args:
        count: Number of negatives l per row.
        seed: Seed of the draws. `None` takes one from Python's generator.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        owners: Integer tensor `(N,)`. Any numbers will do.
        valid: Boolean tensor `(N,)`, `True` at rows that may be anchors and negatives.

    Returns:
        Row numbers, int32 `(N, l)`, always within the batch, and a boolean tensor `(N, l)`,
        `False` where the anchor is not valid or no valid row has another owner.

    Raises:
        ValueError: If `count` is below 1, or if `owners` and `valid` are not both of rank 1.

    Example:
    >>> import numpy as np
    >>> rows, found = NegativeSampler(2, seed=1)(np.array([7, 7, 5]), np.array([True] * 3))
    >>> rows.numpy()[:2].tolist(), bool(found.numpy().all())
    ([[2, 2], [2, 2]], True)

    Reference:
        Attention Weighted Mixture of Experts with Contrastive Learning for Personalized Ranking
        in E-commerce, equation 10, which takes other examples of the batch as negatives.
    """

    def __init__(self, count: int, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        check_count("count", count)
        self.count = count
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # tf.train.Checkpoint follows the attributes of layers, and a seed generator is no layer:
        # without this attribute a restored run would draw other negatives.
        self.seed_state = self.seed_generator.state.value

    def build(self, owners_shape: Any, valid_shape: Any) -> None:
        if len(owners_shape) != 1 or len(valid_shape) != 1:
            raise ValueError(
                f"{type(self).__name__} takes `owners` and `valid` of shape (N,). Received: "
                f"owners.shape={tuple(owners_shape)}, valid.shape={tuple(valid_shape)}"
            )
        self.built = True

    def call(self, owners: Any, valid: Any) -> tuple[Any, Any]:
        order = ops.argsort(owners)
        sorted_owners = ops.take(owners, order)
        # seen[i]: valid rows among the first i + 1 in the order of owners.
        seen = ops.cumsum(ops.cast(ops.take(valid, order), "int32"))
        start = _valid_before(seen, ops.searchsorted(sorted_owners, owners, side="left"))
        end = _valid_before(seen, ops.searchsorted(sorted_owners, owners, side="right"))
        own = ops.expand_dims(end - start, -1)
        others = ops.expand_dims(ops.count_nonzero(valid), -1) - own  # (N, 1)
        drawn = self._draw_below(others)
        drawn = ops.where(drawn < ops.expand_dims(start, -1), drawn, drawn + own)
        # The row with `drawn` valid rows before it is the first by which more than that are seen.
        position = ops.searchsorted(seen, ops.reshape(drawn, (-1,)), side="right")
        last = ops.shape(owners)[0] - 1
        position = ops.minimum(ops.cast(position, "int32"), last)
        rows = ops.reshape(ops.take(order, position), (-1, self.count))
        found = ops.logical_and(ops.expand_dims(valid, -1), others > 0)
        return ops.cast(rows, "int32"), ops.broadcast_to(found, ops.shape(rows))

    def compute_output_spec(
        self, owners: Any, valid: Any
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        shape = (*owners.shape, self.count)
        return keras.KerasTensor(shape, dtype="int32"), keras.KerasTensor(shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "seed": self.seed}

    def _draw_below(self, limits: Any) -> Any:
        """Whole numbers from 0 up to, not including, each limit: `(N, 1)` -> `(N, l)`."""
        shape = (ops.shape(limits)[0], self.count)
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        # Rounding may carry a product up to the limit itself.
        drawn = ops.minimum(ops.cast(draws * ops.cast(limits, "float32"), "int32"), limits - 1)
        return ops.maximum(drawn, 0)


def _valid_before(seen: Any, positions: Any) -> Any:
    """Number of valid rows before each position, positions from 0 to N."""
    return ops.take(ops.pad(seen, ((1, 0),)), positions)
