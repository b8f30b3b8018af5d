"""How many sessions reading may hold at once, so that long histories do not fill the memory."""

from ranking.features.manifest import SplitManifest

MOST_POOL_BATCHES = 256
_FEWEST_POOL_BATCHES = 8
_POOL_BYTES = 256 << 20
_BUFFER_BYTES = 512 << 20


def pool_batches(split: SplitManifest, sessions_per_batch: int) -> int:
    """How many batches of a split are sorted together.

    The more they are, the more alike are the sessions of a batch, and the less of it is padding.
    They are 256 unless their records would be more than 256 MiB, and at least 8.
    """
    fitting = int(_POOL_BYTES / (_mean_bytes(split) * sessions_per_batch))
    return max(_FEWEST_POOL_BATCHES, min(fitting, MOST_POOL_BATCHES))


def shuffled_records(split: SplitManifest, asked: int) -> int:
    """How many records of a split are shuffled at once: `asked`, but at most 512 MiB of them."""
    return max(1, min(asked, int(_BUFFER_BYTES / _mean_bytes(split))))


def _mean_bytes(split: SplitManifest) -> float:
    return split.bytes / split.sessions
