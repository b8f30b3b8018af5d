"""Which shard a session goes to, from its number alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ranking.features.candidate_keys import mixed


def shard_numbers(
    first: int, count: int, *, shards: int, seed: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Maps the sessions from number `first` on to their shards, int64 `[count]`.

    Of every `shards` sessions in a row each shard gets one; `seed` decides which. So a source that
    is sorted by user or time does not leave like sessions in one file. Nothing but its number
    decides about a session, so that many machines can work on a split at once.

    Example:
        >>> shard_numbers(0, 6, shards=3, seed=(5,)).tolist()
        [1, 0, 2, 2, 1, 0]
        >>> shard_numbers(4, 2, shards=3, seed=(5,)).tolist()
        [1, 0]
    """
    first_round, rounds = first // shards, -(-(first + count) // shards) - first // shards
    numbers = np.arange(first_round * shards, (first_round + rounds) * shards, dtype=np.uint64)
    key = np.random.SeedSequence(tuple(seed)).generate_state(1, np.uint64)[0]
    orders = np.argsort(mixed(mixed(numbers) ^ key).reshape(rounds, shards), axis=1)
    start = first - first_round * shards
    return orders.reshape(-1)[start : start + count].astype(np.int64)
