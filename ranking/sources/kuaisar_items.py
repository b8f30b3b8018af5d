"""What is known about the items of a log."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.sources.history_counts import Integers


@dataclasses.dataclass(frozen=True)
class KuaisarItems:
    """Metadata of a log's items, in their order. What is not known is null.

    Attributes:
        rows: One struct per item with the fields that behaviors and candidates share: `item`,
            `author`, `category`, `parent_category`.
        captions: Words of its caption.
        uploaded: Day on which it was uploaded, counted from 1970; NaN if unknown.
        authors: A number for its author; -1 if unknown.
        categories: The same for its category.
        unknown: Number of items that the file of items lacks.
    """

    rows: pa.StructArray
    captions: pa.Array
    uploaded: npt.NDArray[np.float64]
    authors: Integers
    categories: Integers
    unknown: int

    @classmethod
    def join(cls, items: Integers, read: Mapping[str, pa.Array]) -> "KuaisarItems":
        """Maps ids of items and the columns of the file of items to the metadata of those items."""
        found = positions_of(items, read["item_id"].to_numpy())
        taken = {name: array.take(found) for name, array in read.items() if name != "item_id"}
        shared = {
            "item": pa.array(items),
            **{name: taken[name] for name in ("author", "category", "parent_category")},
        }
        return cls(
            rows=pa.StructArray.from_arrays(list(shared.values()), names=list(shared)),
            captions=taken["caption"],
            uploaded=taken["uploaded"].cast(pa.float64()).to_numpy(zero_copy_only=False),
            authors=_numbered(taken["author"]),
            categories=_numbered(taken["category"]),
            unknown=found.null_count,
        )


def positions_of(wanted: Integers, ids: Integers) -> pa.Array:
    """Maps ids to their first positions in `ids`, null for those that are not there.

    Example:
    >>> positions_of(np.array([7, 5]), np.array([3, 7])).to_pylist()
    [1, None]
    """
    order = np.argsort(ids, kind="stable")
    places = np.searchsorted(ids[order], wanted)
    inside = places < len(ids)
    positions = np.zeros(len(wanted), np.int64)
    positions[inside] = order[places[inside]]
    known = inside.copy()
    known[inside] = ids[positions[inside]] == wanted[inside]
    return pa.array(positions, mask=~known)


def _numbered(column: pa.Array) -> npt.NDArray[Any]:
    """Numbers from 0 for equal values, -1 for null."""
    codes = column.dictionary_encode().indices
    return codes.fill_null(-1).to_numpy().astype(np.int64)
