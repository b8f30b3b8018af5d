"""Reads purchases with published queries, in the layout of product-search sets."""

import dataclasses
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ranking.sources.sequence_file import Integers, UserSequences
from ranking.sources.source_error import SourceError

_QUERIES, _PURCHASES, _HELD_OUT = "query_text.txt.gz", "train.qrels.gz", "test.qrels.gz"
_FORM = "`<user>_<query> 0 <item> 1`"


@dataclasses.dataclass(frozen=True)
class SearchedPurchases:
    """Who bought what, and which queries lead to an item. Queries and items are numbers.

    Attributes:
        purchases: The items of each user, each once. Their order means nothing.
        bought: The same and what the publisher held out for a test, for the same users and items.
        texts: The words of each query.
        queries: For all items, item by item, the queries they belong to, in increasing order.
        offsets: Where each item's part of `queries` starts, and the end.
    """

    purchases: UserSequences
    bought: UserSequences
    texts: Sequence[str]
    queries: Integers
    offsets: Integers

    @property
    def query_owners(self) -> Integers:
        """The item of each element of `queries`."""
        return np.repeat(np.arange(len(self.purchases.items)), np.diff(self.offsets))


def read_searched_purchases(folder: Path) -> SearchedPurchases:
    """Maps a folder with `query_text.txt.gz` and `train.qrels.gz` to purchases.

    Line k of the first, counted from 0, is query k. A line of the second says that a user bought an
    item that belongs to a query: `<user>_<query> 0 <item> 1`. An item belongs to the same queries
    whoever buys it. The lines of `test.qrels.gz`, where there is one, only add to `bought`, as far
    as users and items are known.

    Raises:
        SourceError: If a file is missing, is no gzip file, or a line has another form.
    """
    texts = _read_queries(folder / _QUERIES)
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    rows = [
        (users.setdefault(user, len(users)), items.setdefault(item, len(items)), query)
        for user, query, item in _read_purchases(folder / _PURCHASES, len(texts))
    ]
    if not rows:
        raise SourceError(f"{folder / _PURCHASES} is empty. It must hold lines {_FORM}.")
    owners, things, queries = np.array(rows, np.int64).T
    held_out = _held_out(folder / _HELD_OUT, len(texts), users, items)
    pairs = np.unique(things * len(texts) + queries)
    sizes = np.bincount(pairs // len(texts), minlength=len(items))
    return SearchedPurchases(
        purchases=_group(users, items, owners, things),
        bought=_group(
            users, items, np.append(owners, held_out[:, 0]), np.append(things, held_out[:, 1])
        ),
        texts=texts,
        queries=pairs % len(texts),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
    )


def _group(
    users: dict[str, int], items: dict[str, int], owners: Integers, things: Integers
) -> UserSequences:
    """Purchases by user, each item once, as they first appear."""
    _, first = np.unique(owners * len(items) + things, return_index=True)
    first = np.sort(first)
    order = first[np.argsort(owners[first], kind="stable")]
    counts = np.bincount(owners[order], minlength=len(users))
    return UserSequences(
        users=list(users),
        items=list(items),
        sequence=things[order],
        offsets=np.concatenate([[0], np.cumsum(counts)]),
    )


def _held_out(
    path: Path, num_queries: int, users: dict[str, int], items: dict[str, int]
) -> Integers:
    """Users and items `[N, 2]` of a file that may be absent."""
    lines = _read_purchases(path, num_queries) if path.is_file() else iter(())
    known = [(users[u], items[i]) for u, _, i in lines if u in users and i in items]
    return np.array(known, np.int64).reshape(-1, 2)


def _read_queries(path: Path) -> list[str]:
    line_of: dict[str, int] = {}
    for number, line in _lines(path):
        text = " ".join(line.split())
        if not text or text in line_of:
            rule = f"line {line_of[text]} has it already" if text else "the line is empty"
            raise SourceError(
                f"{path}, line {number} must be the words of one query, each query once. "
                f"Received: {text!r}; {rule}. Give the file as it was published."
            )
        line_of[text] = number
    return list(line_of)


def _read_purchases(path: Path, num_queries: int) -> Iterator[tuple[str, int, str]]:
    """User, query and item of every line."""
    for number, line in _lines(path):
        parts = line.split()  # Published lines end in a blank.
        user, _, query = parts[0].rpartition("_") if parts else ("", "", "")
        if len(parts) != 4 or not user or not query.isdecimal() or parts[3] != "1":
            raise SourceError(
                f"{path}, line {number} must be {_FORM}. Received: {line.rstrip()!r}. "
                "Give the file as it was published."
            )
        if int(query) >= num_queries:
            raise SourceError(
                f"{path}, line {number}: the query must be one of the {num_queries} lines of "
                f"{_QUERIES}, counted from 0. Received: {query}. Give files of the same set."
            )
        yield user, int(query), parts[2]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise SourceError(
            f"There is no file {path}. Give the folder that holds {_QUERIES} and {_PURCHASES}."
        )
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from enumerate(lines, start=1)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise SourceError(f"{path} must be gzipped text in UTF-8. Received: {error}") from error
