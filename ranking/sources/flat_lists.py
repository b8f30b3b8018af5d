"""Lists of different lengths in flat arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Integers = npt.NDArray[np.int64]


def ranges(starts: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """The numbers `starts[i] .. starts[i] + lengths[i] - 1` for every i, and their i.

    Example:
    >>> owners, numbers = ranges(np.array([5, 0]), np.array([2, 1]))
    >>> owners.tolist(), numbers.tolist()
    ([0, 0, 1], [5, 6, 0])
    """
    owners = np.repeat(np.arange(len(starts)), lengths)
    firsts = np.cumsum(lengths) - lengths
    return owners, np.arange(len(owners)) - firsts[owners] + starts[owners]


def spans(offsets: Integers, rows: Integers) -> tuple[Integers, Integers]:
    """For all elements of the lists of `rows`: which of the rows, and where in the flat values.

    Args:
        offsets: Where each list starts in the flat values, and the end.
        rows: Numbers of lists, in any order.
    """
    return ranges(offsets[rows], offsets[rows + 1] - offsets[rows])


def lists(lengths: Integers, values: pa.Array) -> pa.ListArray:
    """Arrow lists of the given lengths, from their values one after the other."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def add_numbers(
    rows: pa.StructArray, numbers: Mapping[str, npt.NDArray[Any]], **more: pa.Array
) -> pa.StructArray:
    """The structs `rows` with further fields: `numbers` as float32, and `more` as they are."""
    columns = dict(zip([field.name for field in rows.type], rows.flatten(), strict=True))
    columns |= {name: pa.array(values.astype(np.float32)) for name, values in numbers.items()}
    columns |= more
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def bounded_slices(sizes: Integers, bound: int) -> list[slice]:
    """Slices of rows one after the other, whose sizes together are about `bound`.

    Example:
    >>> bounded_slices(np.array([3, 1, 3, 9, 1]), 4)
    [slice(0, 1, None), slice(1, 3, None), slice(3, 5, None)]
    """
    group = np.cumsum(sizes) // bound
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts, len(sizes))[1:]
    return [slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
