"""Finds and reads Parquet files."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ranking.did_you_mean import did_you_mean
from ranking.sources.session_source import SPLITS
from ranking.sources.source_error import SourceError

_ENDING = ".parquet"
_REMEDY = "Write it again, or take it out of the input."


def find_split_files(folder: Path) -> Mapping[str, Sequence[Path]]:
    """Maps a folder to the Parquet files of its splits.

    A split is a subfolder `train`, `validation` or `test`, or a file of that name with the ending
    `.parquet`. A folder that has neither gives an empty mapping.

    Raises:
        SourceError: If some splits are there but not `train`, if a split is there twice or holds no
            file, or if there are other Parquet files beside the splits.
    """
    if not folder.is_dir():
        return {}
    places = {split: _places(folder, split) for split in SPLITS}
    found = {split: find_files(paths[0]) for split, paths in places.items() if paths}
    if found:
        _check_all_belong(folder, {path for paths in places.values() for path in paths})
    if found and "train" not in found:
        raise SourceError(
            f"{folder} has {', '.join(found)} but no train. Name the training sessions `train/` "
            "or `train.parquet`."
        )
    return found


def _places(folder: Path, split: str) -> list[Path]:
    """Where the files of a split are: one path, or none."""
    both = [folder / split, folder / f"{split}{_ENDING}"]
    paths = [path for path in both if path.exists()]
    if len(paths) > 1:
        raise SourceError(
            f"{folder} must have {split} once. Received: both `{split}` and `{split}{_ENDING}`. "
            "Put all its files into the folder, or take one of the two out."
        )
    return paths


def _check_all_belong(folder: Path, places: Collection[Path]) -> None:
    """Refuses Parquet files that no split would read: sessions must not be lost in silence."""
    for path in sorted(folder.iterdir()):
        if path not in places and _is_visible(path.name) and _holds_parquet(path):
            hint = did_you_mean(path.name.removesuffix(_ENDING), SPLITS)
            raise SourceError(
                f"{path} must be a split, because {folder} holds sessions by split. {hint} Rename "
                "it, put its files into the folder of a split, or take it out of the input."
            )


def find_files(path: Path) -> Sequence[Path]:
    """Maps a file to itself, and a folder to the Parquet files at any depth, in name order.

    Links to folders are followed; a folder that several links lead to is read once. Names that
    start with a dot or an underscore are left out, as writers use them for what is not data.

    Raises:
        SourceError: If there is nothing to read.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"{path} does not exist. Give a Parquet file or a folder of them.")
    if not any(path.iterdir()):
        raise SourceError(f"{path} is empty. Give a Parquet file or a folder of them.")
    files = _files_under(path)
    if not files:
        raise SourceError(f"{path} holds no file whose name ends in `{_ENDING}`.")
    return files


def _files_under(folder: Path) -> list[Path]:
    files: list[Path] = []
    seen: set[str] = set()
    for place, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # A link may lead back to where it was met.
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(filter(_is_visible, subfolders))
        files += [Path(place, name) for name in filter(_is_visible, names)]
    return sorted(file for file in files if file.name.endswith(_ENDING) and file.is_file())


def _is_visible(name: str) -> bool:
    return name[0] not in "._"


def _holds_parquet(path: Path) -> bool:
    return path.name.endswith(_ENDING) if path.is_file() else bool(_files_under(path))


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
