"""Reads Parquet files with one impression per row."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec
from ranking.sources.parquet_files import file_schema, read_batches
from ranking.sources.session_table import conform
from ranking.sources.source_error import SourceError

_ROWS_PER_BATCH = 16384


def read_impressions(
    files: Sequence[Path], spec: FeatureSpec, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Maps files of impressions to session batches in `schema`.

    The rows of a session stand together, in one file or over the end of one and the start of the
    next; a session id that comes back later is an error, for which all session ids are kept in
    memory. Columns are named

    - a session field: its name; all rows of a session must agree,
    - a candidate field or a label: its name, or its key such as `candidates_price`, which is
      needed where a session field has the same name,
    - a behavior field: its key, such as `behaviors_item`; each row holds the whole list, oldest
      first, and the lists of a session's first row are taken. Of a field whose values may be
      missing, null stands for as many nulls as the session has behaviors.

    Columns of optional fields may be absent.

    Args:
        files: Parquet files in that layout.
        spec: The feature spec; its role `session_id` says what makes a session.
        schema: Its session table, or some session columns of it.

    Raises:
        SourceError: If a file cannot be read or does not fit, if rows of a session disagree or
            do not stand together, or if the spec names no session id.
    """
    session_id = session_id_of(spec)
    columns = _columns(spec, schema)
    seen: set[object] = set()
    pending: pa.RecordBatch | None = None
    for path in files:
        for batch in _flat_batches(path, columns):
            joined = batch if pending is None else _concatenate(pending, batch)
            starts = _starts(joined.column(session_id))
            last = int(starts[-1])
            pending = joined.slice(last)
            if last:
                complete = joined.slice(0, last)
                yield _group(complete, starts[:-1], session_id, schema, seen, str(path))
    if pending is not None:
        first = np.zeros(1, np.int64)
        yield _group(pending, first, session_id, schema, seen, str(files[-1]))


def check_impressions(files: Sequence[Path], spec: FeatureSpec, schema: pa.Schema) -> None:
    """Checks the columns and types of all files, without reading a row.

    Raises:
        SourceError: If a file is not Parquet or does not fit, or the spec names no session id.
    """
    session_id_of(spec)
    columns = _columns(spec, schema)
    for path in files:
        present = file_schema(path)
        arrays = [pa.nulls(0, field.type) for field in present]
        _flat(pa.RecordBatch.from_arrays(arrays, schema=present), columns, path, 0)


def session_id_of(spec: FeatureSpec) -> str:
    """Maps a spec to the session field that names a session.

    Raises:
        SourceError: If its roles name none.
    """
    if spec.roles.session_id is None:
        raise SourceError(
            f"layout=impressions groups rows by session, and spec `{spec.name}` does not say "
            "which field names a session. Set `session_id` under `roles`."
        )
    return spec.roles.session_id


@dataclasses.dataclass(frozen=True)
class _Column:
    """One column of the flat layout: its type, the names it may have, the first in messages."""

    field: pa.Field
    other_name: str | None = None


def _columns(spec: FeatureSpec, schema: pa.Schema) -> list[_Column]:
    """The flat columns that the columns of `schema` are made of, and the session id."""
    columns = [_Column(field) for field in schema if field.name not in (BEHAVIORS, CANDIDATES)]
    session_id = session_id_of(spec)
    if session_id not in schema.names:
        dtype = pa.int64() if spec.field("session", session_id).dtype == "int64" else pa.string()
        columns.append(_Column(pa.field(session_id, dtype, nullable=False)))
    if BEHAVIORS in schema.names:
        for member in schema.field(BEHAVIORS).type.value_type:
            element = pa.field("item", member.type, nullable=member.nullable)
            flat = pa.field(f"{BEHAVIORS}_{member.name}", pa.list_(element))
            columns.append(_Column(flat.with_metadata(member.metadata)))
    if CANDIDATES in schema.names:
        session_names = {field.name for field in spec.session}
        keys = {field.name: field.key for field in (*spec.candidates, *spec.labels)}
        for member in schema.field(CANDIDATES).type.value_type:
            key = keys[member.name]
            if member.name in session_names:
                columns.append(_Column(member.with_name(key)))
            else:
                columns.append(_Column(member, other_name=key))
    return columns


def _flat_batches(path: Path, columns: Sequence[_Column]) -> Iterator[pa.RecordBatch]:
    names = {name for column in columns for name in (column.field.name, column.other_name)}
    wanted = [name for name in file_schema(path).names if name in names]
    first_row = 0
    for batch in read_batches(path, wanted, _ROWS_PER_BATCH):
        if batch.num_rows:
            yield _flat(batch, columns, path, first_row)
        first_row += batch.num_rows


def _flat(
    batch: pa.RecordBatch, columns: Sequence[_Column], path: Path, first_row: int
) -> pa.RecordBatch:
    """One file's columns under their first names, with the right types."""
    names = batch.schema.names
    renames = {c.other_name: c.field.name for c in columns if c.field.name not in names}
    batch = pa.RecordBatch.from_arrays(
        batch.columns, names=[renames.get(name, name) for name in names]
    )
    schema = pa.schema([column.field for column in columns])
    return conform(batch, schema, str(path), first_row=first_row)


def _concatenate(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.RecordBatch:
    table = pa.Table.from_batches([first, second]).combine_chunks()
    return table.to_batches()[0]


def _codes(column: pa.Array) -> npt.NDArray[np.int32]:
    """Equal numbers for equal values, null included."""
    return column.dictionary_encode(null_encoding="encode").indices.to_numpy()


def _starts(column: pa.Array) -> npt.NDArray[np.int64]:
    """Positions where a run of equal values starts."""
    return np.flatnonzero(np.diff(_codes(column), prepend=-1))


def _group(
    batch: pa.RecordBatch,
    starts: npt.NDArray[np.int64],
    session_id: str,
    schema: pa.Schema,
    seen: set[object],
    where: str,
) -> pa.RecordBatch:
    """Whole sessions, one row per impression, to one row per session."""
    _check_new(batch.column(session_id).take(pa.array(starts)), seen, where)
    arrays = []
    for field in schema:
        if field.name == BEHAVIORS:
            arrays.append(_behaviors(batch.take(pa.array(starts)), field, where))
        elif field.name == CANDIDATES:
            arrays.append(_candidates(batch, starts, field))
        else:
            _check_constant(batch, field, starts, session_id, where)
            arrays.append(batch.column(field.name).take(pa.array(starts)))
    return conform(pa.RecordBatch.from_arrays(arrays, names=schema.names), schema, where)


def _candidates(
    batch: pa.RecordBatch, starts: npt.NDArray[np.int64], field: pa.Field
) -> pa.ListArray:
    members = list(field.type.value_type)
    flat_names = set(batch.schema.names)
    arrays = []
    for member in members:
        key = f"{CANDIDATES}_{member.name}"
        keyed = key if key in flat_names else f"labels_{member.name}"
        arrays.append(batch.column(keyed if keyed in flat_names else member.name))
    offsets = pa.array(np.append(starts, batch.num_rows), pa.int32())
    return pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(arrays, fields=members), type=field.type
    )


def _behaviors(rows: pa.RecordBatch, field: pa.Field, where: str) -> pa.ListArray:
    members = list(field.type.value_type)
    lists = [rows.column(f"{BEHAVIORS}_{member.name}") for member in members]
    lengths = _behavior_counts(lists, members, where)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    values = [_elements(column, lengths) for column in lists]
    return pa.ListArray.from_arrays(
        offsets, pa.StructArray.from_arrays(values, fields=members), type=field.type
    )


def _behavior_counts(
    lists: Sequence[pa.Array], members: Sequence[pa.Field], where: str
) -> npt.NDArray[np.int64]:
    """The behaviors of each session, on which all lists agree that say how many there are."""
    counts = np.full(len(lists[0]), -1, np.int64)  # -1: no list has said it yet.
    tellers = np.zeros(len(counts), np.int64)
    for number, (column, member) in enumerate(zip(lists, members, strict=True)):
        # A null of what may be missing says nothing; any other is an empty history.
        own = column.value_lengths().fill_null(-1 if member.nullable else 0).to_numpy()
        differing = np.flatnonzero((own != counts) & (own >= 0) & (counts >= 0))
        if len(differing):
            row = differing[0]
            raise SourceError(
                f"Column `{BEHAVIORS}_{member.name}` in {where} must have lists as long as "
                f"`{BEHAVIORS}_{members[tellers[row]].name}`, one value per behavior. "
                f"Received: {own[row]} and {counts[row]} values in the same session."
            )
        tellers = np.where(counts < 0, number, tellers)
        counts = np.maximum(counts, own)
    return np.maximum(counts, 0)


def _elements(column: pa.ListArray, lengths: npt.NDArray[np.int64]) -> pa.Array:
    """The elements of all lists, `lengths` of each; nulls in place of a null list."""
    is_given = np.repeat(column.is_valid().to_numpy(zero_copy_only=False), lengths)
    positions = pa.array(np.cumsum(is_given) - 1, mask=~is_given)
    return column.flatten().take(positions)


def _check_new(session_ids: pa.Array, seen: set[object], where: str) -> None:
    for value in session_ids.to_pylist():
        if value in seen:
            raise SourceError(
                f"The rows of session `{value}` in {where} must stand together. Received: rows of "
                "another session between them. Sort the table by session id, or make it unique."
            )
        seen.add(value)


def _check_constant(
    batch: pa.RecordBatch,
    field: pa.Field,
    starts: npt.NDArray[np.int64],
    session_id: str,
    where: str,
) -> None:
    if pa.types.is_list(field.type):
        return
    changes = np.setdiff1d(_starts(batch.column(field.name)), starts)
    if len(changes):
        session = batch.column(session_id)[int(changes[0])].as_py()
        raise SourceError(
            f"Column `{field.name}` in {where} must be the same in all rows of a session. "
            f"Received: several values in session `{session}`. Make it a candidate field, or "
            "write the session's value into every row."
        )
