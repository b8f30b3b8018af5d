"""Raw values to the row numbers that records hold, and back. Nothing here needs TensorFlow."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.features.missing_values import missing_value
from ranking.features.record_layout import is_numbered
from ranking.features.spec import RESERVED_IDS, SESSION, UNKNOWN_ID, FeatureSpec, Field, Table
from ranking.features.vocabulary_file import find_vocabulary, read_vocabulary

MISSING = 0  # Records need no number for padding, so what is missing takes its place.


class RowNumbers:
    """Maps raw values of one table to int64 row numbers, and row numbers to raw values.

    A value that is missing is 0, one that the table does not know is 1.

    Args:
        table: A resolved table for which `is_numbered` says yes.
        vocabulary_folder: Where `<table>.txt` is, for a table with a vocabulary.

    Raises:
        OSError: If the vocabulary file cannot be read.
        ValueError: If the vocabulary file is missing, is not the one that the spec was resolved
            with, or breaks a rule.

    Example:
        >>> actions = RowNumbers(Table("action", 4, "values", values=("click", "order")), Path())
        >>> actions.numbers(pa.array(["order", "", "wish"])).tolist()
        [3, 0, 1]
        >>> actions.values(np.array([3, 0, 1]), pa.array(["wish"])).to_pylist()
        ['order', '', 'wish']
    """

    def __init__(self, table: Table, vocabulary_folder: Path) -> None:
        self._missing = missing_value(Field(table.name, SESSION, "id", table.dtype))
        self._type = pa.string() if table.dtype == "string" else pa.int64()
        self._range = table.integer_ids
        known: list[str | int] = list(table.values)
        if table.kind == "vocabulary":
            known = read_vocabulary(find_vocabulary(table, vocabulary_folder), table.dtype)
        self._known = pa.array(known, self._type)
        if table.dtype == "string":
            self._rows: dict[object, int] = {self._missing: MISSING}
            self._rows |= {value: row for row, value in enumerate(known, RESERVED_IDS)}
        else:
            values = np.array(known, np.int64)
            self._order = np.argsort(values)
            self._sorted = values[self._order]

    def numbers(self, column: pa.Array) -> np.ndarray:
        """Maps values `[n]`, without nulls, to int64 `[n]`."""
        if pa.types.is_string(column.type):
            distinct = column.dictionary_encode()
            texts = distinct.dictionary.to_pylist()
            known = np.fromiter((self._rows.get(text, UNKNOWN_ID) for text in texts), np.int64)
            return known[distinct.indices.to_numpy()]
        values = column.to_numpy(zero_copy_only=False)
        rows = self._rows_of_numbers(values)
        return np.where((rows == UNKNOWN_ID) & (values == self._missing), MISSING, rows)

    def values(self, numbers: np.ndarray, unknown: pa.Array) -> pa.Array:
        """Maps row numbers `[n]` to raw values `[n]`.

        Args:
            numbers: What `numbers` returned.
            unknown: The values, as text, that the table does not know, in their order.

        Raises:
            ValueError: If there are not as many unknown values as numbers that say so.
        """
        is_unknown = numbers == UNKNOWN_ID
        if int(is_unknown.sum()) != len(unknown):
            raise ValueError(
                f"must have one text for each id that its table does not know. Received: "
                f"{len(unknown)} for {int(is_unknown.sum())} ids"
            )
        special = [pa.array([self._missing], self._type), unknown.cast(self._type)]
        first = 1 + len(unknown)
        if self._range:
            known = pa.array(np.maximum(numbers - RESERVED_IDS, 0), self._type)
            places = first + np.arange(len(numbers))
        else:
            known = self._known
            places = first + numbers - RESERVED_IDS
        places = np.where(is_unknown, np.cumsum(is_unknown), places)
        places[numbers == MISSING] = 0
        source = pa.chunked_array([*special, known], self._type)
        return pc.take(source, pa.array(places)).combine_chunks()

    def _rows_of_numbers(self, values: np.ndarray) -> np.ndarray:
        if self._range:
            is_known = (values >= 0) & (values < self._range)
            return np.where(is_known, values + RESERVED_IDS, UNKNOWN_ID)
        place = np.minimum(np.searchsorted(self._sorted, values), len(self._sorted) - 1)
        is_known = self._sorted[place] == values
        return np.where(is_known, self._order[place] + RESERVED_IDS, UNKNOWN_ID)


def read_row_numbers(spec: FeatureSpec, vocabulary_folder: Path) -> dict[str, RowNumbers]:
    """Maps a resolved spec to the `RowNumbers` of its tables that have them, by table name.

    Raises:
        OSError: If a vocabulary file cannot be read.
        ValueError: If a vocabulary file is missing, is not the one that the spec was resolved
            with, or breaks a rule.
    """
    return {
        table.name: RowNumbers(table, vocabulary_folder)
        for table in spec.tables.values()
        if is_numbered(table)
    }
