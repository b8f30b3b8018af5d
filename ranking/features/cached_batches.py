"""Encoded batches that stay in memory."""

import tensorflow as tf

from ranking.features.session_stream import epoch_seeds, shuffled


class CachedBatches:
    """The batches of a first epoch, read and encoded once, in another order in every later epoch.

    Args:
        batches: The batches of the first epoch, whole: not in parts.
        count: How many there are.
        seed: Seeds the order of later epochs.
    """

    def __init__(self, batches: tf.data.Dataset, *, count: int, seed: int) -> None:
        self._cached = batches.cache()
        self._count = count
        self._seed = seed

    def epoch(self, epoch: int, skip_batches: int) -> tf.data.Dataset:
        """The batches of an epoch but for the first `skip_batches`.

        The first epoch fills the cache as it goes; a run that continues with a later one reads all
        of the data once, before its first batch.
        """
        batches = self._cached
        if epoch:
            batches = shuffled(batches, self._count, epoch_seeds(self._seed, epoch, 1)[0])
        return batches.skip(skip_batches)
