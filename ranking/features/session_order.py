"""The order of sessions: random in training, and always with those of like size in one batch."""

import tensorflow as tf

from ranking.features.negative_sampling import NegativeSampling
from ranking.features.record_layout import RecordLayout, record_layout
from ranking.features.records import parse_records
from ranking.features.spec import BEHAVIORS, FeatureSpec

Sizes = tuple[tf.Tensor, tf.Tensor]


def sessions_with_positive(
    spec: FeatureSpec, serialized: tf.Tensor, sampling: NegativeSampling
) -> tf.Tensor:
    """Serialized records `[B]` -> those that sampling leaves something of to learn from."""
    labels = record_layout(spec).labels
    layout = RecordLayout((labels,), (), ())
    parsed = parse_records(spec, serialized, layout=layout)
    is_positive = sampling.labels(layout, parsed) > 0
    return tf.boolean_mask(serialized, tf.reduce_any(is_positive, axis=1))


def measure_sessions(
    spec: FeatureSpec, serialized: tf.Tensor, sampling: NegativeSampling | None
) -> Sizes:
    """Serialized records `[B]` -> their numbers of candidates and of behaviors, int64 `[B]`.

    The candidates are those that sampling will leave. Reads one feature of each section, a
    fraction of the cost of a full parse.
    """
    layout = record_layout(spec).sizes()
    parsed = parse_records(spec, serialized, layout=layout)
    candidates = parsed[layout.labels.key].row_lengths()
    # Without behaviors, candidates once more.
    behaviors = parsed[next(layout.keys_of(BEHAVIORS), layout.labels.key)].row_lengths()
    if sampling is None:
        return candidates, behaviors
    is_positive = sampling.labels(layout, parsed) > 0
    positives = tf.reduce_sum(tf.cast(is_positive, tf.int64), axis=1)
    return positives + sampling.count(positives, candidates), behaviors


def order_by_size(
    serialized: tf.Tensor, candidates: tf.Tensor, behaviors: tf.Tensor, sessions_per_batch: int
) -> tf.Tensor:
    """Measured sessions `[n]` -> their records, in an order in which batches hold little padding.

    All are sorted by number of candidates or of behaviors, whichever wastes more where the largest
    number decides about all, and halved; so are the halves, until each is a batch of
    `sessions_per_batch`. Sessions of the same size keep their order. The last batch may be smaller.
    """
    places = tf.range(tf.shape(serialized)[0])
    batch = places // sessions_per_batch
    batches = tf.reduce_max(tf.concat([batch, [-1]], axis=0)) + 1
    start = (places, tf.zeros_like(places), tf.zeros_like(places) + batches)

    def is_unfinished(order: tf.Tensor, first: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(end - first > 1)

    def halve(
        order: tf.Tensor, first: tf.Tensor, end: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Sorts each part, the batches from `first` to `end`, of all that stand at its places."""
        sizes = [tf.gather(values, order) for values in (candidates, behaviors)]
        wasted = [_waste(values, first, batches) for values in sizes]
        key = tf.where(wasted[0] >= wasted[1], *sizes)
        part = tf.cast(first, tf.int64) * (1 << 32)
        order = tf.gather(order, tf.argsort(part + tf.cast(key, tf.int64), stable=True))
        middle = first + (end - first) // 2
        is_second = batch >= middle
        return order, tf.where(is_second, middle, first), tf.where(is_second, end, middle)

    order, _, _ = tf.while_loop(is_unfinished, halve, start)
    return tf.gather(serialized, order)


def _waste(values: tf.Tensor, part: tf.Tensor, parts: tf.Tensor) -> tf.Tensor:
    """Sizes `[n]`, the part of each -> how many times the mean of its part the largest is."""
    values = tf.cast(values, tf.float64)
    largest = tf.math.unsorted_segment_max(values, part, parts)
    mean = tf.math.unsorted_segment_mean(values, part, parts)
    return tf.gather(tf.math.divide_no_nan(largest, mean), part)


def order_pool(
    number: tf.Tensor,
    serialized: tf.Tensor,
    sizes: Sizes | None,
    *,
    sessions_per_batch: int,
    pool_batches: int,
    seed: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pool of sessions `[n]` -> its batches in random order, and their numbers.

    Sessions that fill no batch are dropped, before they are sorted, so that any may be hit.

    Args:
        number: The pool's number in its epoch, int64.
        serialized: Sessions in random order.
        sizes: Their numbers of candidates and behaviors, for sessions of like size to share a
            batch; otherwise any do.
        sessions_per_batch: Sessions of a batch, S.
        pool_batches: Batches of a full pool.
        seed: Decides about the order together with `number`.

    Returns:
        Serialized records `[n / S, S]` and int64 batch numbers `[n / S]`.
    """
    count = tf.shape(serialized)[0] // sessions_per_batch
    kept = count * sessions_per_batch
    serialized = serialized[:kept]
    if sizes is not None:
        candidates, behaviors = (values[:kept] for values in sizes)
        serialized = order_by_size(serialized, candidates, behaviors, sessions_per_batch)
    batches = tf.reshape(serialized, [count, sessions_per_batch])
    chance = tf.random.stateless_uniform([count], tf.stack([seed, number]))
    numbers = number * pool_batches + tf.range(tf.cast(count, tf.int64))
    return tf.gather(batches, tf.argsort(chance, stable=True)), numbers
