"""Rows of two tables that stand for the same, for every kind of table."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ranking.features.spec import Table
from ranking.training.matched_rows import TableMismatchError, matched_rows

WORDS = Table("word", 3, "values", values=("red", "blue", "green"))
HASHED = Table("word", 3, "hash_buckets", hash_buckets=5)
HOURS = Table("hour", 3, "integer_ids", dtype="int64", integer_ids=7)
PRICES = Table("price", 3, "bucketize", dtype="float32", bucketize=(1.0, 2.5))
LEARNED = Table("word", 3, "vocabulary", vocabulary="learned", size=2)


def _rows(old: Table, new: Table, folder: Path = Path("nowhere")) -> list[tuple[int, int]]:
    old_rows, new_rows = matched_rows(old, new, folder / "old", folder / "new")
    assert old_rows.dtype == new_rows.dtype == np.int64
    return list(zip(old_rows.tolist(), new_rows.tolist(), strict=True))


def _vocabulary(folder: Path, *values: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "word.txt").write_text("".join(f"{value}\n" for value in values), encoding="utf-8")


def test_values_are_matched_whatever_their_order() -> None:
    new = dataclasses.replace(WORDS, values=("blue", "pink", "red"))
    assert _rows(WORDS, new) == [(0, 0), (1, 1), (3, 2), (2, 4)]


def test_vocabularies_are_matched_by_value(tmp_path: Path) -> None:
    _vocabulary(tmp_path / "old", "blue", "red", "gone")
    _vocabulary(tmp_path / "new", "red", "new")
    old = dataclasses.replace(LEARNED, size=3)
    assert _rows(old, LEARNED, tmp_path) == [(0, 0), (1, 1), (3, 2)]


def test_values_that_became_a_vocabulary_are_matched(tmp_path: Path) -> None:
    _vocabulary(tmp_path / "new", "green", "red")
    assert _rows(WORDS, LEARNED, tmp_path) == [(0, 0), (1, 1), (4, 2), (2, 3)]


def test_nothing_in_common_leaves_the_reserved_rows() -> None:
    assert _rows(WORDS, dataclasses.replace(WORDS, values=("pink",))) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("table", [HASHED, PRICES, HOURS])
def test_other_tables_are_matched_by_position(table: Table) -> None:
    assert _rows(table, table) == [(row, row) for row in range(table.rows)]


@pytest.mark.parametrize("count", [4, 11])
def test_whole_numbers_that_both_have_are_matched(count: int) -> None:
    rows = _rows(HOURS, dataclasses.replace(HOURS, integer_ids=count))
    assert rows == [(row, row) for row in range(2 + min(7, count))]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (WORDS, dataclasses.replace(WORDS, width=5), "width is 5, was 3"),
        (WORDS, HASHED, "kind is hash_buckets, was values"),
        (HASHED, LEARNED, "kind is values, was hash_buckets"),
        (HASHED, dataclasses.replace(HASHED, dtype="int64"), "dtype is int64, was string"),
        (HASHED, dataclasses.replace(HASHED, hash_buckets=6), "hash_buckets is 6, was 5"),
        (WORDS, dataclasses.replace(WORDS, dtype="int64", values=(1, 2)), "dtype is int64, was"),
        (
            PRICES,
            dataclasses.replace(PRICES, bucketize=(1.0, 3.0)),
            r"bucketize is \[1.0, 3.0\], was \[1.0, 2.5\]",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(old: Table, new: Table, reason: str) -> None:
    with pytest.raises(TableMismatchError, match=f"^{reason}"):
        _rows(old, new)


def test_a_vocabulary_that_is_missing_is_an_error_and_no_mismatch(tmp_path: Path) -> None:
    _vocabulary(tmp_path / "old", "blue", "red")
    with pytest.raises(ValueError, match=r"must hold word\.txt") as raised:
        _rows(LEARNED, LEARNED, tmp_path)
    assert not isinstance(raised.value, TableMismatchError)
