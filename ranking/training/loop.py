"""The training step, on one device or several, many steps to a call."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from ranking.features.padding import PADDING_COUNTS, padding_counts
from ranking.features.spec import UNKNOWN_ID
from ranking.models.networks import RankingNetworks
from ranking.training.batch_parts import split_sessions
from ranking.training.strategy import distribute_batches

Batch = Mapping[str, tf.Tensor]
OWNER = "owner"


class TrainingLoop:
    """Runs training steps of `networks` under a distribution strategy.

    Every loss term comes as a sum over valid elements and their number. The sum is divided by the
    number over *all* replicas, and gradients are added up over replicas, so a step does not depend
    on how its sessions are split over replicas and parts (but in-batch negatives are drawn within
    a part, and layers that normalize over a batch do so over a part).

    Args:
        networks: What to train; built under `strategy.scope()`.
        optimizer: One of `make_optimizer` for `networks.training`, made under the same scope; adds
            up gradients over replicas.
        strategy: Where it runs.
        xla: Compile the forward and backward pass; one device only.
        parts: Parts of a replica's batch that are computed side by side (`split_sessions`).

    Raises:
        ValueError: If `xla` is asked for on several devices.
    """

    def __init__(
        self,
        networks: RankingNetworks,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        xla: bool = False,
        parts: int = 1,
    ) -> None:
        if xla and strategy.num_replicas_in_sync > 1:
            raise ValueError(
                "`xla` must be off on several devices: the counts of a step are summed over "
                f"replicas inside it. Received: xla=True, devices={strategy.num_replicas_in_sync}"
            )
        self.networks = networks
        self.optimizer = optimizer
        self.strategy = strategy
        self._parts = parts
        self._gradients = tf.function(self._loss_gradients, jit_compile=True) if xla else None
        self._steps = tf.function(self._run_steps)

    def iterate(self, batches: tf.data.Dataset) -> tf.data.Iterator:
        """Encoded batches -> iterator that `run` takes, over what the step needs of them."""
        prepared = batches.map(self._step_inputs, num_parallel_calls=2, deterministic=True)
        return iter(distribute_batches(self.strategy, prepared.prefetch(4)))

    def run(self, iterator: tf.data.Iterator, steps: int) -> dict[str, float]:
        """Takes `steps` steps -> means over them: `loss` and one entry per term; and sums: the
        counts of `padding_counts`, of which `candidates` are the impressions; and `finite_steps`,
        the steps before the first whose loss is not finite."""
        totals = self._steps(iterator, tf.constant(steps))
        means = {name: float(value) / steps for name, value in totals.items()}
        return means | {name: float(totals[name]) for name in (*PADDING_COUNTS, "finite_steps")}

    def _step_inputs(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Adds the owner of each row and drops what neither network nor losses read; strings could
        not travel to a GPU."""
        batch = dict(batch)
        key = self.networks.owner_key
        rows = tf.range(tf.shape(batch["candidates_length"])[0], dtype=tf.int64)
        batch[OWNER] = rows if key is None else _owners(batch[key], rows)
        labels = [f"labels_{task}" for task in self.networks.tasks]
        keys = {tensor.name for tensor in self.networks.training.inputs}
        keys.update(labels, self.networks.label_keys, ("candidates_length", "behaviors_length"))
        return {key: batch[key] for key in sorted(keys)}

    def _run_steps(self, iterator: tf.data.Iterator, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        names = ["loss", *PADDING_COUNTS, *(term.name for term in self.networks.losses)]
        totals = {name: tf.constant(0.0) for name in names}
        finite_steps = tf.constant(0.0)
        for _ in tf.range(steps):
            # Steps that overlap could exchange gradients of different batches between replicas.
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            values = self.strategy.run(self._step, args=(next(iterator),))
            sums = {name: self.strategy.reduce("SUM", values[name], axis=None) for name in names}
            # What is not finite once makes the total so for good.
            totals = {name: totals[name] + sums[name] for name in names}
            finite_steps += tf.cast(tf.math.is_finite(totals["loss"]), tf.float32)
        return totals | {"finite_steps": finite_steps}

    def _step(self, batch: Batch) -> dict[str, tf.Tensor]:
        values, gradients = (self._gradients or self._loss_gradients)(batch)
        self.optimizer.apply(gradients, self.networks.training.trainable_variables)
        return values | padding_counts(batch)

    def _loss_gradients(self, batch: Batch) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        network = self.networks.training
        keys = [tensor.name for tensor in network.inputs]
        parts = split_sessions(batch, self._parts)
        with tf.GradientTape() as tape:
            outputs = [network({key: part[key] for key in keys}, training=True) for part in parts]
            values = self._loss_values(outputs, parts)
            scaled = self.optimizer.scale_loss(values["loss"])
        return values, tape.gradient(scaled, network.trainable_variables)

    def _loss_values(
        self, outputs: Sequence[Batch], parts: Sequence[Batch]
    ) -> dict[str, tf.Tensor]:
        """This replica's share of every loss term; shares add up to the mean over all replicas."""
        context = tf.distribute.get_replica_context()
        values = {}
        for term in self.networks.losses:
            sums = [term.function(*each) for each in zip(outputs, parts, strict=True)]
            total, count = map(tf.add_n, zip(*sums, strict=True))
            everywhere = context.all_reduce(tf.distribute.ReduceOp.SUM, count)
            values[term.name] = total / tf.maximum(everywhere, 1.0)
        weighted = [term.weight * values[term.name] for term in self.networks.losses]
        values["loss"] = tf.add_n(weighted)
        return values


def _owners(users: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Who each session belongs to: its user, or itself where that is not known."""
    text = users if users.dtype == tf.string else tf.strings.as_string(users)
    # -1 is what belongs to nobody: padding.
    return tf.where(_is_nobody(users), -2 - rows, tf.strings.to_hash_bucket_fast(text, 2**62))


def _is_nobody(users: tf.Tensor) -> tf.Tensor:
    """Encoded ids, which alone are int32, or metadata -> where no user is known."""
    if users.dtype == tf.string:
        return tf.equal(users, "")
    if users.dtype == tf.int32:
        return users <= UNKNOWN_ID
    is_missing = tf.equal(users, 0) | tf.equal(users, -1)
    return is_missing | tf.math.is_nan(users) if users.dtype.is_floating else is_missing
