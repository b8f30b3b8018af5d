from pathlib import Path

import pytest
import tensorflow as tf

from ranking.features.session_stream import (
    epoch_seeds,
    interleaved_records,
    records_in_order,
    shuffled,
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Five shards; record 3 of shard 1 is `1-3`."""
    paths = [tmp_path / f"shard-{shard}" for shard in range(5)]
    for shard, path in enumerate(paths):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in range(19 + shard):
                writer.write(f"{shard}-{number}".encode())
    return paths


def read(dataset: tf.data.Dataset) -> list[str]:
    return [record.decode() for record in dataset.as_numpy_iterator()]


def test_records_come_in_order(files):
    expected = [f"{shard}-{number}" for shard in range(5) for number in range(19 + shard)]
    assert read(records_in_order(files)) == expected


def test_shards_are_interleaved_in_an_order_that_the_seed_decides(files):
    orders = [read(interleaved_records(files, seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(read(records_in_order(files)))


def test_shuffling_does_not_depend_on_the_global_seed():
    dataset = tf.data.Dataset.from_tensor_slices({"a": tf.range(31), "b": tf.range(31)})
    orders = []
    for global_seed in (1, 2):
        tf.random.set_seed(global_seed)
        again = shuffled(dataset, 31, seed=5)
        orders += [[int(one["a"]) for one in again] for _ in range(2)]
    assert orders == [orders[0]] * 4
    assert orders[0] != sorted(orders[0]) == list(range(31))
    assert [int(one["b"]) for one in shuffled(dataset, 31, seed=5)] == orders[0]
    assert [int(one["a"]) for one in shuffled(dataset, 31, seed=6)] != orders[0]


def test_seeds_of_epochs_have_nothing_in_common():
    seeds = [seed for run in range(7) for epoch in range(7) for seed in epoch_seeds(run, epoch, 3)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 1 << 63 for seed in seeds)
    assert epoch_seeds(3, 5, 2) == epoch_seeds(3, 5, 2)
