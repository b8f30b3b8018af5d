"""Batch normalization with statistics of their own for every scenario."""

from typing import Any

import keras
from keras import ops

from ranking.layers.argument_checks import check_rate
from ranking.layers.clear_padding import clear_padding
from ranking.layers.true_counts import true_counts


@keras.saving.register_keras_serializable(package="ranking")
class PartitionedNormalization(keras.layers.Layer):
    """Standardizes what each scenario has by that scenario's statistics: `(B, C, D)` -> the same.

        outputs = (scale * scale_p) * (inputs - mean_p) / sqrt(variance_p + epsilon)
                  + (offset + offset_p)

    for the scenario p of each session. In training, mean_p and variance_p are those of the valid
    positions of p's sessions in the batch, and p's moving statistics take a step towards them;
    otherwise the moving statistics apply. A scenario that is not in the batch keeps its own.

    A session of mixed weights, such as one of unknown scenario, is normalized by the mix of
    statistics, scales and offsets, and counts by its weight in each scenario's statistics.
    Replicas of a distributed training each have statistics of their own.

    Shapes are written with B = batch, C = candidates, D = width, S = scenarios.

    Args:
        momentum: Share of the moving statistics that a step of training keeps.
        epsilon: What is added to variances.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor `(B, C, D)`.
        scenario: Float tensor `(B, S)`, non-negative, rows that sum to 1.
        candidates_mask: Boolean tensor `(B, C)`, `True` at real candidates.
        training: Whether the statistics of this batch apply.

    Returns:
        Float tensor `(B, C, D)`; finite at padded candidates.

    Raises:
        ValueError: If `momentum` is not at least 0 and below 1, or `epsilon` not above 0.

    Example:
    >>> import numpy as np
    >>> norm = PartitionedNormalization(epsilon=1e-7)
    >>> inputs, scenario = np.array([[[1.0], [3.0]], [[50.0], [70.0]]]), np.eye(2)
    >>> norm(inputs, scenario, np.ones((2, 2), bool), training=True).numpy().round(3).tolist()
    [[[-1.0], [1.0]], [[-1.0], [1.0]]]

    Reference:
        One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction,
        section 3.3. That a session may be of several scenarios in part is not in the paper.
    """

    def __init__(self, *, momentum: float = 0.99, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_rate("momentum", momentum)
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be above 0. Received: epsilon={epsilon!r}")
        self.momentum = momentum
        self.epsilon = epsilon

    def build(
        self, inputs_shape: Any, scenario_shape: Any, candidates_mask_shape: Any = None
    ) -> None:
        width, num_scenarios = inputs_shape[-1], scenario_shape[-1]
        # In float32 whatever the policy: squares and sums of many rows overflow halves.
        full = {"autocast": False, "dtype": "float32"}
        of_all, of_each = (width,), (num_scenarios, width)
        self.scale = self.add_weight(name="scale", shape=of_all, initializer="ones", **full)
        self.offset = self.add_weight(name="offset", shape=of_all, initializer="zeros", **full)
        self.scenario_scale = self.add_weight(
            name="scenario_scale", shape=of_each, initializer="ones", **full
        )
        self.scenario_offset = self.add_weight(
            name="scenario_offset", shape=of_each, initializer="zeros", **full
        )
        full["trainable"] = False
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=of_each, initializer="zeros", **full
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=of_each, initializer="ones", **full
        )
        self.built = True

    def call(
        self, inputs: Any, scenario: Any, candidates_mask: Any, training: bool | None = None
    ) -> Any:
        inputs = clear_padding(ops.cast(inputs, "float32"), candidates_mask)
        scenario = ops.cast(scenario, "float32")
        if training and self.trainable:
            mean, variance = self._batch_statistics(inputs, scenario, candidates_mask)
        else:
            mean = ops.convert_to_tensor(self.moving_mean)
            variance = ops.convert_to_tensor(self.moving_variance)
        # Of each session, (B, D).
        scale = self.scale * ops.matmul(scenario, self.scenario_scale)
        scale = scale * ops.rsqrt(ops.matmul(scenario, variance) + self.epsilon)
        offset = self.offset + ops.matmul(scenario, self.scenario_offset)
        centered = inputs - ops.expand_dims(ops.matmul(scenario, mean), 1)
        outputs = centered * ops.expand_dims(scale, 1) + ops.expand_dims(offset, 1)
        return ops.cast(outputs, self.compute_dtype)

    def compute_mask(self, *args: Any, **kwargs: Any) -> None:
        return None  # Masks are passed by name.

    def compute_output_shape(
        self, inputs_shape: Any, *args: Any, **kwargs: Any
    ) -> tuple[int | None, ...]:
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}

    def _batch_statistics(self, inputs: Any, scenario: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and variance `(S, D)` of this batch, after a step of the moving ones towards them;
        the moving ones where the batch has nothing."""
        counts = ops.cast(true_counts(mask), "float32")  # (B, 1)
        weights = ops.transpose(scenario * counts)  # (S, B)
        total = ops.sum(weights, axis=1, keepdims=True)  # (S, 1)
        weights = weights / ops.where(total > 0, total, 1.0)
        # By session first. The variance is that within sessions and that between them: no small
        # difference of large squares, and nothing of shape (B, C, S, D).
        means = ops.sum(inputs, axis=1) / ops.maximum(counts, 1.0)  # (B, D)
        deviations = clear_padding(inputs - ops.expand_dims(means, 1), mask)
        within = ops.sum(ops.square(deviations), axis=1) / ops.maximum(counts, 1.0)
        mean = ops.matmul(weights, means)
        between = ops.square(means - ops.expand_dims(mean, 1))  # (S, B, D)
        between = ops.sum(between * ops.expand_dims(weights, -1), axis=1)
        variance = ops.matmul(weights, within) + between
        return (
            self._step(self.moving_mean, mean, total > 0),
            self._step(self.moving_variance, variance, total > 0),
        )

    def _step(self, moving: Any, current: Any, present: Any) -> Any:
        before = ops.convert_to_tensor(moving)
        after = before * self.momentum + current * (1.0 - self.momentum)
        moving.assign(ops.where(present, after, before))
        return ops.where(present, current, before)
