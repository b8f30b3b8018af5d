"""Reads what is known about items: categories and brands."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ranking.sources.source_error import SourceError

Integers = npt.NDArray[np.int64]
_NEARLY_ALL = 0.9


@dataclasses.dataclass(frozen=True)
class ItemAttributes:
    """Attributes of items in flat arrays: items and attributes are numbers.

    Attributes:
        names: Attribute ids; the first is the empty string and stands for none.
        categories: For each item, the number of its category.
        parents: The same for the category above it.
        brands: The same for its brand.
        others: For all items, item by item, their distinct attributes but the brand.
        offsets: Where each item's part of `others` starts, and the end.
        items_without: Number of items that have no attribute at all.
    """

    names: Sequence[str]
    categories: Integers
    parents: Integers
    brands: Integers
    others: Integers
    offsets: Integers
    items_without: int


def read_item_attributes(path: Path, items: Sequence[str]) -> ItemAttributes:
    """Maps a JSON object `{item: [attribute, ...]}` to the attributes of `items`.

    An item's list starts with its brand, if it has one; then come the categories of its paths
    from the root down, so that the last is the leaf, here the item's category. An id that only
    ever comes first is a brand. An item that the file lacks has neither.

    The category above an item's is the highest of its path that tells items apart: the first that
    fewer than 90 % of the items have (all toys are under one category). Where that is the item's
    category itself there is none above it. Of an item with several paths the first one counts.

    Raises:
        SourceError: If the file is missing or has another form.
    """
    lists = _read_lists(path)
    later = {attribute for attributes in lists.values() for attribute in attributes[1:]}
    numbers = {"": 0}
    everywhere = _on_nearly_all(lists, items)
    brands, categories, parents, others = [], [], [], []
    for item in items:
        attributes = lists.get(item, [])
        has_brand = bool(attributes) and attributes[0] not in later
        brand, rest = (attributes[0], attributes[1:]) if has_brand else ("", attributes)
        brands.append(numbers.setdefault(brand, len(numbers)))
        categories.append(numbers.setdefault(rest[-1] if rest else "", len(numbers)))
        others.append([numbers.setdefault(name, len(numbers)) for name in dict.fromkeys(rest)])
        above = (name for name in rest[:-1] if name not in everywhere and name != rest[-1])
        parents.append(numbers[next(above, "")])
    return ItemAttributes(
        names=list(numbers),
        categories=np.array(categories, np.int64),
        parents=np.array(parents, np.int64),
        brands=np.array(brands, np.int64),
        others=np.fromiter(chain.from_iterable(others), np.int64),
        offsets=np.cumsum([0, *map(len, others)], dtype=np.int64),
        items_without=sum(not lists.get(item) for item in items),
    )


def _on_nearly_all(lists: Mapping[str, Sequence[str]], items: Sequence[str]) -> set[str]:
    """The attributes that tell hardly any two items apart."""
    counts = Counter(chain.from_iterable(set(lists.get(item, [])) for item in items))
    return {name for name, count in counts.items() if count >= _NEARLY_ALL * len(items)}


def _read_lists(path: Path) -> Mapping[str, Sequence[str]]:
    if not path.is_file():
        raise SourceError(f"{path} is missing. It must hold the attributes of each item.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} must be JSON. Received: {error}") from error
    if not isinstance(document, dict):
        raise SourceError(f"{path} must hold one object, `{{item: [attribute, ...]}}`.")
    for item, attributes in document.items():
        if not isinstance(attributes, list) or not all(map(_is_attribute, attributes)):
            raise SourceError(
                f"{path}: item `{item}` must have a list of attribute ids, numbers or texts. "
                f"Received: {attributes!r}"
            )
    return {item: [str(attribute) for attribute in found] for item, found in document.items()}


def _is_attribute(value: object) -> bool:
    return isinstance(value, (str, int)) and value != ""
