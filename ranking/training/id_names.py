"""What the ids of a table stand for."""

from collections.abc import Callable
from pathlib import Path

from ranking.features.spec import RESERVED_IDS, Table

UNKNOWN = "unknown"


def id_names(table: Table, vocabulary_folder: str | Path | None = None) -> Callable[[int], str]:
    """Maps a table to the function from an id to the value it stands for, as text.

    Padding, unknown and ids beyond the table are `"unknown"`. Buckets of numbers are called by
    their bounds (`<5`, `5-10`, `>=10`); hash buckets, and vocabularies without a folder, by number.

    Raises:
        FileNotFoundError: If the table's vocabulary is not in the folder.

    Example:
    >>> names = id_names(Table("action", 4, "values", values=("click", "order")))
    >>> [names(id) for id in (1, 2, 3)]
    ['unknown', 'click', 'order']
    """
    entry_name = _entry_names(table, vocabulary_folder)

    def name(id_: int) -> str:
        known = RESERVED_IDS <= id_ < table.rows
        return entry_name(id_ - RESERVED_IDS) if known else UNKNOWN

    return name


def _entry_names(table: Table, vocabulary_folder: str | Path | None) -> Callable[[int], str]:
    if table.kind == "values":
        return lambda entry: str(table.values[entry])
    if table.kind == "bucketize":
        return lambda entry: _bucket_name(table.bucketize, entry)
    if table.kind == "integer_ids":
        return str
    if table.kind == "vocabulary" and vocabulary_folder is not None:
        # Not `splitlines`: it would also split at characters that a value may hold.
        text = (Path(vocabulary_folder) / f"{table.name}.txt").read_text(encoding="utf-8")
        return text.split("\n").__getitem__
    return lambda entry: f"{table.name} {entry}"


def _bucket_name(bounds: tuple[float, ...], bucket: int) -> str:
    if bucket == 0:
        return f"<{bounds[0]:g}"
    if bucket == len(bounds):
        return f">={bounds[-1]:g}"
    return f"{bounds[bucket - 1]:g}-{bounds[bucket]:g}"
