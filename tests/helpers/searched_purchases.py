"""A made-up set of purchases with queries, in the files of a product-search set."""

import gzip
from pathlib import Path

import numpy as np

QUERIES = ["lamp", "lamp desk", "kettle small steel", "rug"]
ITEMS = [f"i{number}" for number in range(41)]


def queries_of(item: str) -> list[int]:
    """Query 0 for even items, 1 for odd ones, 2 for every third, 3 for one item alone."""
    number = int(item[1:])
    more = [2] if number % 3 == 0 else []
    return [3] if number == 37 else [number % 2, *more]


def made_up_purchases(users: int = 83) -> dict[str, list[str]]:
    """1 to 12 items per user, rather the later ones. User names hold what separates them."""
    generator = np.random.default_rng(5)
    weights = np.arange(1, len(ITEMS) + 1) / sum(range(1, len(ITEMS) + 1))
    sizes = [1, *generator.integers(2, 13, users - 1)]
    return {
        f"u_{user}": generator.choice(ITEMS, size, replace=False, p=weights).tolist()
        for user, size in enumerate(sizes)
    }


def write_gzip(path: Path, lines: list[str]) -> None:
    """Writes lines as the publisher does."""
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def write_purchases(
    folder: Path, purchases: dict[str, list[str]], held_out: dict[str, list[str]] | None = None
) -> None:
    """Writes the files of a set; every line of purchases ends in a blank."""
    write_gzip(folder / "query_text.txt.gz", QUERIES)
    write_gzip(folder / "train.qrels.gz", _lines(purchases))
    if held_out is not None:
        write_gzip(folder / "test.qrels.gz", _lines(held_out))


def _lines(purchases: dict[str, list[str]]) -> list[str]:
    return [
        f"{user}_{query} 0 {item} 1 "
        for user, items in purchases.items()
        for item in items
        for query in queries_of(item)
    ]
