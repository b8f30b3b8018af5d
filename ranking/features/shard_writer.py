"""Records to the shards of one split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ranking.features.manifest import Shard
from ranking.features.prepared_data import file_sha256


class ShardWriter:
    """Spreads records over files at random, evenly. Use it as a context manager.

    Of every `shards` records in a row each file gets one, which one is drawn from `seed`. So a
    source that is sorted by user or time does not leave like sessions in one file, and the files
    depend on the records, the seed and the number of shards alone.

    Args:
        folder: Where the files go.
        name: What file names begin with, for example `demo-train`.
        shards: Number of files; fewer are written if there are fewer records.
        seed: Numbers that decide who goes where.
    """

    def __init__(self, folder: Path, name: str, *, shards: int, seed: Sequence[int]) -> None:
        self._folder = folder
        self._name = name
        self._random = np.random.default_rng(seed)
        self._turn = np.empty(0, np.int64)
        self._sessions = [0] * shards
        self._paths = [folder / f"{name}.unfinished-{number:05}" for number in range(shards)]
        self._writers = [tf.io.TFRecordWriter(str(path)) for path in self._paths]

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers:
            writer.close()

    def write(self, records: Sequence[bytes]) -> None:
        """Adds records."""
        for record, shard in zip(records, self._draw(len(records)), strict=True):
            self._writers[shard].write(record)
            self._sessions[shard] += 1

    def finish(self) -> tuple[Shard, ...]:
        """Closes the files, gives them their names, and returns what the manifest says of them."""
        for writer in self._writers:
            writer.close()
        filled = [number for number, sessions in enumerate(self._sessions) if sessions]
        shards = []
        for position, number in enumerate(filled):
            file = f"{self._name}.tfrecord-{position:05}-of-{len(filled):05}"
            path = self._paths[number].rename(self._folder / file)
            size = path.stat().st_size
            shards.append(Shard(file, self._sessions[number], size, file_sha256(path)))
        for number in set(range(len(self._paths))) - set(filled):
            self._paths[number].unlink()
        return tuple(shards)

    def _draw(self, count: int) -> list[int]:
        """The shards of the next `count` records, however they come in batches."""
        shards = len(self._paths)
        rounds = -(-(count - len(self._turn)) // shards)
        if rounds > 0:
            orders = np.tile(np.arange(shards), (rounds, 1))
            self._turn = np.concatenate([self._turn, self._random.permuted(orders, axis=1).ravel()])
        drawn, self._turn = self._turn[:count], self._turn[count:]
        numbers: list[int] = drawn.tolist()
        return numbers
