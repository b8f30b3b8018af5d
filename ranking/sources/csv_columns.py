"""Reads columns of a CSV file by their names."""

import csv
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from ranking.did_you_mean import did_you_mean
from ranking.sources.source_error import SourceError

_COLUMN_NUMBER = re.compile(r"CSV column #(\d+)")


def read_csv_columns(
    path: Path, types: Mapping[str, pa.DataType], *, nullable: Collection[str] = ()
) -> Mapping[str, pa.Array]:
    """Maps a comma separated file to some of its columns, each in one piece.

    The first line names the columns; their order and what else there is do not matter. An empty
    place is null. All rows are in memory, in the given types.

    Args:
        path: The file.
        types: Type of each column to read, by name.
        nullable: Those that may have empty places.

    Raises:
        SourceError: If the file or a column is missing, or if a value is empty or of another type.
    """
    header = _header(path)
    for name in types:
        if name not in header:
            raise SourceError(
                f"Column `{name}` is missing in {path}. {did_you_mean(name, header)} "
                "Give the file as it was published."
            )
    convert = pa.csv.ConvertOptions(
        include_columns=list(types), column_types=dict(types), strings_can_be_null=True
    )
    try:
        table = pa.csv.read_csv(path, convert_options=convert)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _wrong_value(path, header, types, error) from error
    for name in types:
        if name not in nullable and table[name].null_count:
            row = table[name].is_null().index(True).as_py() + 1
            raise SourceError(
                f"Column `{name}` of {path} must have a value in every row. Received: none in row "
                f"{row} after the header. Fill it, or remove the row."
            )
    return {name: _in_one_piece(table[name]) for name in types}


def _header(path: Path) -> list[str]:
    if not path.is_file():
        raise SourceError(f"There is no file {path}. Give the folder that holds it.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return next(csv.reader(lines), [])
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} must be text in UTF-8. Received: {error}") from error


def _wrong_value(
    path: Path, header: list[str], types: Mapping[str, pa.DataType], error: Exception
) -> SourceError:
    found = _COLUMN_NUMBER.search(str(error))
    if not found:
        return SourceError(f"{path} must be a comma separated file. Received: {error}")
    name = header[int(found[1])]
    return SourceError(f"Column `{name}` of {path} must be {types[name]}. Received: {error}")


def _in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):  # Some versions of Arrow return one chunk as such.
        combined = pa.concat_arrays(combined.chunks)
    return combined
