"""Which rows of two embedding tables stand for the same."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.features.spec import RESERVED_IDS, Table
from ranking.features.vocabulary_file import find_vocabulary, read_vocabulary

Rows = npt.NDArray[np.int64]

OF_VALUES = ("values", "vocabulary")


class TableMismatchError(ValueError):
    """Says why no row of two tables stands for the same."""


def matched_rows(
    old: Table, new: Table, old_vocabularies: Path, new_vocabularies: Path
) -> tuple[Rows, Rows]:
    """Two tables -> the rows of the old and of the new that stand for the same, as many of each.

    Rows of values are matched by value, rows of whole numbers by number, and rows of hash buckets
    or of numbers between boundaries by position, where hashing or boundaries are the same. The
    rows of padding and of the unknown come along.

    Args:
        old: A resolved table.
        new: Another.
        old_vocabularies: Where `<table>.txt` of the old one is.
        new_vocabularies: Where that of the new one is.

    Raises:
        TableMismatchError: If rows are of different width or cannot be compared.
        ValueError: If a vocabulary is missing or is not the one that its table was resolved with.
    """
    _check_comparable(old, new)
    reserved = np.arange(RESERVED_IDS)
    if new.kind in OF_VALUES:
        places = {value: place for place, value in enumerate(table_values(old, old_vocabularies))}
        values = table_values(new, new_vocabularies)
        matches = np.fromiter((places.get(value, -1) for value in values), np.int64, len(values))
        known = np.flatnonzero(matches >= 0)
        old_rows, new_rows = matches[known], known
    else:
        old_rows = new_rows = np.arange(min(old.rows, new.rows) - RESERVED_IDS)
    return (
        np.concatenate([reserved, RESERVED_IDS + old_rows]),
        np.concatenate([reserved, RESERVED_IDS + new_rows]),
    )


def table_values(table: Table, vocabularies: Path) -> list[str | int]:
    """The values that the rows of a table of `OF_VALUES` stand for, reserved ones left out."""
    if table.kind == "values":
        return list(table.values)
    return read_vocabulary(find_vocabulary(table, vocabularies), table.dtype)


def _check_comparable(old: Table, new: Table) -> None:
    """Raises `TableMismatchError` with the first reason why rows cannot be compared."""
    compared: list[tuple[str, Any, Any]] = [
        ("width", old.width, new.width),
        ("kind", _kind(old), _kind(new)),
        ("dtype", old.dtype, new.dtype),
        ("hash_buckets", old.hash_buckets, new.hash_buckets),
        ("bucketize", list(old.bucketize), list(new.bucketize)),
    ]
    for name, before, now in compared:
        if before != now:
            raise TableMismatchError(f"{name} is {now}, was {before}")


def _kind(table: Table) -> str:
    return "values" if table.kind in OF_VALUES else table.kind
