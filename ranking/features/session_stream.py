"""Serialized records from shards, in an order that (seed, epoch) alone decides."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

_SHARDS_AT_ONCE = 16
_RECORDS_IN_A_ROW = 16
_READ_BYTES = 8 << 20


def epoch_seeds(seed: int, epoch: int, count: int) -> list[int]:
    """`count` unrelated numbers, 0 to 2**63 - 1, for one epoch of one run."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(count, np.uint64)
    return [int(word >> np.uint64(1)) for word in state]


def records_in_order(files: Sequence[Path]) -> tf.data.Dataset:
    """Shards -> serialized records, one shard after the other."""
    return tf.data.TFRecordDataset([str(file) for file in files], buffer_size=_READ_BYTES)


def interleaved_records(
    files: Sequence[Path], seed: int, *, deterministic: bool = True
) -> tf.data.Dataset:
    """Shards -> serialized records, of several shards in turn, shards in random order.

    Unless `deterministic`, a shard that is slow to read is passed over until it is there.
    """
    order = np.random.default_rng(seed).permutation(len(files))
    shards = tf.data.Dataset.from_tensor_slices([str(files[index]) for index in order])
    return shards.interleave(
        lambda shard: tf.data.TFRecordDataset(shard, buffer_size=_READ_BYTES),
        cycle_length=min(len(files), _SHARDS_AT_ONCE),
        block_length=_RECORDS_IN_A_ROW,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=deterministic,
    )


def shuffled(dataset: tf.data.Dataset, buffer_size: int, seed: int) -> tf.data.Dataset:
    """A dataset -> the same elements shuffled by a buffer, the same way on each pass.

    `tf.data.Dataset.shuffle` mixes TensorFlow's global seed in, so that what a program did before
    would change the order of a run that continues. The operation below it takes the seeds it gets.
    """
    structure = dataset.element_spec
    flat = tf.nest.flatten(structure)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=buffer_size,
        seed=seed,
        seed2=1,  # Both zero would ask for a random seed.
        output_types=[spec.dtype for spec in flat],
        output_shapes=[spec.shape for spec in flat],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(variant, structure)
