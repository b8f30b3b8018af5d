import pytest

from ranking.features.manifest import Shard, SplitManifest
from ranking.features.reading_memory import pool_batches, shuffled_records


def _split(record_bytes: int) -> SplitManifest:
    shard = Shard("file", 1000, 1000 * record_bytes, "")
    return SplitManifest(1000, 0, 0, {}, {}, (shard,))


@pytest.mark.parametrize(
    ("record_bytes", "sessions", "batches"),
    [(1500, 93, 256), (28_000, 93, 103), (28_000, 24, 256), (10_000_000, 93, 8)],
)
def test_pools_are_as_large_as_fits(record_bytes: int, sessions: int, batches: int) -> None:
    assert pool_batches(_split(record_bytes), sessions) == batches


@pytest.mark.parametrize(
    ("record_bytes", "asked", "records"),
    [(1500, 65_536, 65_536), (28_000, 65_536, 19_173), (28_000, 100, 100), (1 << 30, 9, 1)],
)
def test_the_shuffle_buffer_is_as_large_as_fits(
    record_bytes: int, asked: int, records: int
) -> None:
    assert shuffled_records(_split(record_bytes), asked) == records
