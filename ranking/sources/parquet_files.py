"""Finds and reads Parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ranking.sources.session_source import SPLITS
from ranking.sources.source_error import SourceError

_REMEDY = "Write it again, or take it out of the input."


def find_split_files(folder: Path) -> Mapping[str, Sequence[Path]]:
    """Maps a folder to the Parquet files of its splits.

    A split is a subfolder `train`, `validation` or `test`, or a file of that name with the ending
    `.parquet`. A folder that has neither gives an empty mapping.

    Raises:
        SourceError: If some splits are there but not `train`, or if a split holds no file.
    """
    if not folder.is_dir():
        return {}
    places = [(split, folder / name) for split in SPLITS for name in (split, f"{split}.parquet")]
    found = {split: find_files(path) for split, path in places if path.exists()}
    if found and "train" not in found:
        raise SourceError(
            f"{folder} has {', '.join(found)} but no train. Name the training sessions `train/` "
            "or `train.parquet`."
        )
    return found


def find_files(path: Path) -> Sequence[Path]:
    """Maps a file to itself, and a folder to the Parquet files at any depth, in name order.

    Names that start with a dot or an underscore are left out, as writers use them for what is
    not data.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"{path} does not exist. Give a Parquet file or a folder of them.")
    if not any(path.iterdir()):
        raise SourceError(f"{path} is empty. Give a Parquet file or a folder of them.")
    files = [
        file
        for file in sorted(path.rglob("*.parquet"))
        if file.is_file() and not any(p[0] in "._" for p in file.relative_to(path).parts)
    ]
    if not files:
        raise SourceError(f"{path} holds no file whose name ends in `.parquet`.")
    return files


def file_schema(path: Path) -> pa.Schema:
    """Maps a file to its Arrow schema; reads the footer only.

    Raises:
        SourceError: If it is not a whole Parquet file.
    """
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def read_batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Maps a file to record batches of the top-level `columns`, `rows` in memory at a time.

    Raises:
        SourceError: If the file cannot be read to its end.
    """
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(rows, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> SourceError:
    reason = " ".join(str(error).split())
    return SourceError(f"{path} is not a whole Parquet file: {reason} {_REMEDY}")
