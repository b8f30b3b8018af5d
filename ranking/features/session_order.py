"""The order of sessions: random in training, and always with those of like size in one batch."""

import math

import tensorflow as tf

from ranking.features.negative_sampling import NegativeSampling
from ranking.features.record_layout import record_layout
from ranking.features.records import parse_records
from ranking.features.spec import BEHAVIORS, FeatureSpec

POOL_BATCHES = 32  # Batches whose sessions are sorted together.
_GROUP_FACTOR = 1.2

Measured = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def measure_sessions(
    spec: FeatureSpec, serialized: tf.Tensor, sampling: NegativeSampling | None
) -> Measured:
    """Serialized records `[B]` -> those that are used, their numbers of candidates and behaviors.

    With sampling, sessions without a positive are left out, and the candidates are those that
    sampling will leave. Reads one feature of each section, a fraction of the cost of a full parse.
    """
    layout = record_layout(spec).sizes()
    parsed = parse_records(spec, serialized, layout=layout)
    candidates = parsed[layout.labels.key].row_lengths()
    # Without behaviors, candidates once more.
    behaviors = parsed[next(layout.keys_of(BEHAVIORS), layout.labels.key)].row_lengths()
    if sampling is None:
        return serialized, candidates, behaviors
    is_positive = sampling.labels(layout, parsed) > 0
    positives = tf.reduce_sum(tf.cast(is_positive, tf.int64), axis=1)
    candidates = positives + sampling.count(positives, candidates)
    used = tf.where(positives > 0)[:, 0]
    return tf.gather(serialized, used), tf.gather(candidates, used), tf.gather(behaviors, used)


def order_by_size(serialized: tf.Tensor, candidates: tf.Tensor, behaviors: tf.Tensor) -> tf.Tensor:
    """Measured sessions `[n]` -> their records, those of like size next to each other.

    They are grouped by number of candidates, which differ by a factor below 1.2 within a group, so
    that less than a sixth of a batch is padding; within a group they are sorted by number of
    behaviors. From one group to the next the direction changes, so that the batch where both meet
    has no gap. Sessions of the same size keep their order.
    """
    relative = tf.math.log(tf.cast(tf.maximum(candidates, 1), tf.float64)) / math.log(_GROUP_FACTOR)
    group = tf.cast(tf.floor(relative), tf.int64)
    is_used = tf.math.bincount(tf.cast(group, tf.int32), dtype=tf.int64) > 0
    number = tf.gather(tf.cumsum(tf.cast(is_used, tf.int64)), group)
    history = tf.where(number % 2 == 0, behaviors, -behaviors)
    return tf.gather(serialized, tf.argsort(group * (1 << 32) + history, stable=True))


def order_pool(
    number: tf.Tensor,
    measured: Measured,
    *,
    sessions_per_batch: int,
    seed: int,
    by_size: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pool of measured sessions `[n]` -> its batches in random order, and their numbers.

    Sessions that fill no batch are dropped, before they are sorted, so that any may be hit.

    Args:
        number: The pool's number in its epoch, int64.
        measured: Sessions in random order.
        sessions_per_batch: Sessions of a batch, S.
        seed: Decides about the order together with `number`.
        by_size: Whether sessions of like size share a batch; otherwise any do.

    Returns:
        Serialized records `[n / S, S]` and int64 batch numbers `[n / S]`.
    """
    count = tf.shape(measured[0])[0] // sessions_per_batch
    kept = [values[: count * sessions_per_batch] for values in measured]
    ordered = order_by_size(*kept) if by_size else kept[0]
    batches = tf.reshape(ordered, [count, sessions_per_batch])
    chance = tf.random.stateless_uniform([count], tf.stack([seed, number]))
    numbers = number * POOL_BATCHES + tf.range(tf.cast(count, tf.int64))
    return tf.gather(batches, tf.argsort(chance, stable=True)), numbers
