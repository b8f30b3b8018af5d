"""The rows of a table of groups that appear while data stream by."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.number)
ALL_ROW = 0


class GroupRows:
    """Numbers groups in the order of their appearance; row 0 is the group of everything.

    A group is a code of a dimension, such as 3 of `city`. Codes count from 0, as ids do: memory
    grows with the largest.

    Example:
    >>> rows = GroupRows()
    >>> rows.of_sessions({"city": [7, 3, 7]}, 3)
    array([[0, 1],
           [0, 2],
           [0, 1]])
    >>> rows.by_dimension()
    {'city': {3: 2, 7: 1}}
    """

    def __init__(self) -> None:
        self._rows: dict[str, Integers] = {}  # by code, 0 where there is no such group yet
        self._count = 1

    def __len__(self) -> int:
        return self._count

    def of_sessions(self, groups: Mapping[str, npt.ArrayLike], sessions: int) -> Integers:
        """Maps the codes of sessions, `[S]` by dimension, to rows `[S, 1 + dimensions]`.

        Raises:
            ValueError: If a dimension has not one whole number from 0 for each session.
        """
        rows = np.full((sessions, 1 + len(groups)), ALL_ROW, dtype=np.int64)
        for column, (dimension, given) in enumerate(groups.items(), 1):
            codes = np.asarray(given)
            is_whole = codes.dtype.kind in "iu" or not codes.size
            if codes.shape != (sessions,) or not is_whole or (codes < 0).any():
                raise ValueError(
                    f"The groups of dimension `{dimension}` must be {sessions} whole numbers from "
                    f"0, one per session. Received: {np.array2string(codes, threshold=8)}"
                )
            rows[:, column] = self._rows_of(dimension, codes.astype(np.int64))
        return rows

    def by_dimension(self) -> dict[str, dict[int, int]]:
        """The row of every group, by dimension and code."""
        return {
            dimension: {int(code): int(rows[code]) for code in np.flatnonzero(rows)}
            for dimension, rows in self._rows.items()
        }

    def _rows_of(self, dimension: str, codes: Integers) -> Integers:
        known = self._rows.get(dimension, np.zeros(0, dtype=np.int64))
        known = self._rows[dimension] = with_rows(known, int(codes.max(initial=-1)) + 1)
        for code in codes[known[codes] == 0].tolist():
            if not known[code]:
                known[code] = self._count
                self._count += 1
        return known[codes]


def with_rows(table: npt.NDArray[Number], rows: int) -> npt.NDArray[Number]:
    """The table with at least that many rows, new ones zero; doubled, so that growing is rare."""
    if rows <= len(table):
        return table
    grown = np.zeros((max(rows, 2 * len(table)), *table.shape[1:]), dtype=table.dtype)
    grown[: len(table)] = table
    return grown
