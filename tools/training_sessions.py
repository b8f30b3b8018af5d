"""Random sessions as records: made up, written as Parquet, and prepared."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import CANDIDATES, FeatureSpec, Field
from ranking.features.spec_reader import read_spec
from ranking.sources.catalog import open_source
from ranking.sources.session_source import SessionSource
from ranking.sources.session_table import arrow_schema, conform
from tools.training_load import CLICK_RATE, SMALL_ROWS, SPEC
from tools.training_measure import BenchSizes

SPLITS = ("train", "test")

_AT_ONCE = 2000  # sessions
_NUMBERS = 1000.0


class BenchRecords:
    """Sessions of the benchmark's size, prepared from Parquet the first time they are asked for.

    Args:
        sizes: Sizes of the sessions, and how many of them each split has.
        folder: Where to write.
    """

    def __init__(self, sizes: BenchSizes, folder: Path) -> None:
        self.sizes = sizes
        self._folder = folder

    @functools.cached_property
    def parquet(self) -> Path:
        """A folder with a Parquet file of nested sessions per split."""
        spec, folder = read_spec(SPEC), self._folder / "parquet"
        folder.mkdir(parents=True)
        for split in SPLITS:
            schema = arrow_schema(spec)
            with pq.ParquetWriter(folder / f"{split}.parquet", schema) as writer:
                for batch in _sessions(spec, self.sizes, split):
                    writer.write_batch(batch)
        return folder

    @functools.cached_property
    def sessions(self) -> PreparedData:
        """Records of sessions."""
        return self.prepare(self.parquet, "sessions")

    @functools.cached_property
    def impressions(self) -> PreparedData:
        """As many records, each of one impression, with its session repeated."""
        spec = read_spec(SPEC)

        def flat() -> Iterator[pa.RecordBatch]:
            left = self.sizes.sessions
            for batch in _sessions(spec, self.sizes, "train"):
                rows = per_impression(batch)[:left]
                yield _numbered(rows, self.sizes.sessions - left)
                left -= rows.num_rows
                if not left:
                    return

        source = SessionSource({"train": flat}, True, {"source": "random impressions"})
        return prepare(spec, source, self._folder / "impressions", shards=2)

    def prepare(self, parquet: Path, name: str) -> PreparedData:
        """Prepares Parquet files into a folder of that name."""
        spec, folder = read_spec(SPEC), self._folder / name
        source = open_source("parquet", spec, str(parquet), {}, 0)
        return prepare(spec, source, folder, source_name="parquet", shards=2, overwrite=True)


def per_impression(sessions: pa.RecordBatch) -> pa.RecordBatch:
    """Sessions with C candidates -> C sessions with a candidate each."""
    at = sessions.schema.get_field_index(CANDIDATES)
    lists = sessions.column(at)
    repeated = sessions.take(pa.array(np.arange(len(lists)).repeat(lists.value_lengths())))
    offsets = pa.array(np.arange(len(lists.flatten()) + 1, dtype=np.int32))
    alone = pa.ListArray.from_arrays(offsets, lists.flatten(), type=lists.type)
    return repeated.set_column(at, sessions.schema.field(at), alone)


def _numbered(rows: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """Gives rows ids of their own, as long as those of sessions: an id may not come back."""
    at = rows.schema.get_field_index("session_id")
    ids = _ids("train", first, rows.num_rows)
    return rows.set_column(at, rows.schema.field(at), ids.cast(rows.schema.field(at).type))


def _ids(split: str, first: int, count: int) -> pa.Array:
    return pa.array([f"{SPLITS.index(split)}{first + at:08d}" for at in range(count)])


def _sessions(spec: FeatureSpec, sizes: BenchSizes, split: str) -> Iterator[pa.RecordBatch]:
    """The sessions of a split, some at a time, the same at every pass."""
    chance = np.random.default_rng([sizes.seed, SPLITS.index(split)])
    schema = arrow_schema(spec)
    for first in range(0, sizes.sessions, _AT_ONCE):
        count = min(_AT_ONCE, sizes.sessions - first)
        columns = {field.name: _column(spec, field, count, sizes, chance) for field in spec.session}
        columns["session_id"] = _ids(split, first, count)
        sections = {
            "behaviors": (spec.behaviors, sizes.behaviors),
            CANDIDATES: ((*spec.candidates, *spec.labels), sizes.candidates),
        }
        for section, (fields, length) in sections.items():
            drawn = {
                field.name: _column(spec, field, count * length, sizes, chance) for field in fields
            }
            offsets = pa.array(np.arange(count + 1, dtype=np.int32) * length)
            structs = pa.StructArray.from_arrays(list(drawn.values()), list(drawn))
            columns[section] = pa.ListArray.from_arrays(offsets, structs)
        yield conform(pa.record_batch(columns), schema, f"the random {split} split")


def _column(
    spec: FeatureSpec, field: Field, count: int, sizes: BenchSizes, chance: np.random.Generator
) -> Any:
    if field.kind == "metadata":
        return pa.nulls(count, pa.string())
    if field.kind == "label":
        return pa.array((chance.random(count) < CLICK_RATE).astype(np.int64))
    if field.table is None:
        return pa.array(_NUMBERS * chance.random(count, dtype=np.float32))
    table = spec.table_of(field)
    rows = sizes.table_rows if table.name in ("item", "query") else SMALL_ROWS
    values = table.values or [f"{table.name}{row}" for row in range(rows)]
    names = pa.array([str(value) for value in values])
    return names.take(pa.array(chance.integers(0, len(values), count)))
