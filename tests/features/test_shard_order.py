import numpy as np
import pytest

from ranking.features.shard_order import shard_numbers


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_of_so_many_in_a_row_each_shard_gets_one(shards: int) -> None:
    numbers = shard_numbers(0, 11 * shards, shards=shards, seed=(3, 0))
    for start in range(0, len(numbers), shards):
        assert sorted(numbers[start : start + shards]) == list(range(shards))


def test_any_part_gives_the_same() -> None:
    whole = shard_numbers(0, 100, shards=7, seed=(3, 1))
    for first in (0, 1, 6, 7, 50):
        for count in (0, 1, 7, 13, 50):
            part = shard_numbers(first, count, shards=7, seed=(3, 1))
            assert part.tolist() == whole[first : first + count].tolist()


def test_seed_decides_and_neighbors_differ() -> None:
    one, again, other = (shard_numbers(0, 700, shards=7, seed=(s, 0)) for s in (3, 3, 4))
    assert one.tolist() == again.tolist() != other.tolist()
    rounds = one.reshape(100, 7)
    assert len({tuple(each) for each in rounds.tolist()}) > 90
    # Each place of a round gets each shard about equally often: 100 / 7, give or take.
    counts = np.array([np.bincount(rounds[:, place], minlength=7) for place in range(7)])
    assert counts.min() >= 3 and counts.max() <= 30
