"""Records to the shards of one split."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import tensorflow as tf

from ranking.features.manifest import Shard
from ranking.features.prepared_data import file_sha256
from ranking.features.shard_order import shard_numbers


class ShardWriter:
    """Spreads the records of a split over files, as `shard_numbers` says. A context manager.

    Args:
        folder: Where the files go.
        name: What file names begin with, for example `demo-train`.
        shards: Number of files; fewer are written if there are fewer records.
        seed: Numbers that decide who goes where.
    """

    def __init__(self, folder: Path, name: str, *, shards: int, seed: Sequence[int]) -> None:
        self._folder = folder
        self._name = name
        self._seed = seed
        self._sessions = [0] * shards
        paths = [unfinished_shard(folder, name, number) for number in range(shards)]
        self._writers = [tf.io.TFRecordWriter(str(path)) for path in paths]

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers:
            writer.close()

    def write(self, records: Sequence[bytes]) -> None:
        """Adds records, those of the next sessions."""
        shards = len(self._writers)
        numbers = shard_numbers(sum(self._sessions), len(records), shards=shards, seed=self._seed)
        for record, shard in zip(records, numbers.tolist(), strict=True):
            self._writers[shard].write(record)
            self._sessions[shard] += 1

    def finish(self) -> tuple[Shard, ...]:
        """Closes the files, gives them their names, and returns what the manifest says of them."""
        for writer in self._writers:
            writer.close()
        return finished_shards(self._folder, self._name, self._sessions)


def unfinished_shard(folder: Path, name: str, number: int) -> Path:
    """Where shard `number` is until all of the split are written."""
    return folder / f"{name}.unfinished-{number:05}"


def write_shard(path: Path, records: Iterable[bytes]) -> int:
    """Writes a whole shard, which appears when it is whole -> its number of records."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    count = 0
    with tf.io.TFRecordWriter(str(temporary)) as writer:
        for record in records:
            writer.write(record)
            count += 1
    temporary.replace(path)
    return count


def finished_shards(folder: Path, name: str, sessions: Sequence[int]) -> tuple[Shard, ...]:
    """Gives written shards their names -> what the manifest says of them.

    Args:
        folder: Where they are.
        name: What their names begin with.
        sessions: The number of records in each; one without any is removed if it is there.
    """
    filled = [number for number, count in enumerate(sessions) if count]
    shards = []
    for position, number in enumerate(filled):
        file = f"{name}.tfrecord-{position:05}-of-{len(filled):05}"
        path = unfinished_shard(folder, name, number).rename(folder / file)
        shards.append(Shard(file, sessions[number], path.stat().st_size, file_sha256(path)))
    for number in set(range(len(sessions))) - set(filled):
        unfinished_shard(folder, name, number).unlink(missing_ok=True)
    return tuple(shards)
