"""A source of sessions that are in memory."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from ranking.sources.session_source import SessionSource


def list_source(splits: Mapping[str, Sequence[pa.RecordBatch]]) -> SessionSource:
    """A simulated source whose splits are the given batches."""
    return SessionSource(
        splits={name: lambda batches=batches: iter(batches) for name, batches in splits.items()},
        simulated=True,
        description={"protocol": "in memory", "sessions": sum(map(len, splits.values()))},
    )
