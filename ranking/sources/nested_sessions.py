"""Reads Parquet files with one session per row."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ranking.sources.parquet_files import file_schema, read_batches
from ranking.sources.session_table import conform

_SESSIONS_PER_BATCH = 1024


def read_sessions(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Maps files of nested rows to batches in `schema`, file by file, in the order of the rows.

    Args:
        files: Parquet files, all with the nested columns of `session_table.arrow_schema`.
        schema: That schema, or some columns of it.

    Raises:
        SourceError: If a file cannot be read, or does not fit the schema.
    """
    for path in files:
        present = set(file_schema(path).names)
        columns = [name for name in schema.names if name in present]
        first_row = 0
        for batch in read_batches(path, columns, _SESSIONS_PER_BATCH):
            yield conform(batch, schema, str(path), first_row=first_row)
            first_row += batch.num_rows


def check_sessions(files: Sequence[Path], schema: pa.Schema) -> None:
    """Checks the columns and types of all files against `schema`, without reading a row.

    Raises:
        SourceError: If a file is not Parquet, or does not fit the schema.
    """
    for path in files:
        present = file_schema(path)
        arrays = [pa.nulls(0, field.type) for field in present]
        conform(pa.RecordBatch.from_arrays(arrays, schema=present), schema, str(path))
