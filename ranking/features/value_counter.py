"""How often each value occurs, over many batches."""

import pyarrow as pa
import pyarrow.compute as pc

_TYPES = {"string": pa.large_string(), "int64": pa.int64(), "float32": pa.float32()}
_LARGEST_REST = 1 << 20


class ValueCounter:
    """Maps batches of values to distinct values by falling count.

    Counts are merged when they have grown, so memory follows the number of distinct values.

    Args:
        dtype: Type of the values: `string`, `int64` or `float32`.

    Example:
    >>> counter = ValueCounter("string")
    >>> counter.add(pa.array(["b", "a", "b", None, "c"]))
    >>> counter.most_frequent(min_count=1).to_pylist()
    ['b', 'a', 'c']
    """

    def __init__(self, dtype: str) -> None:
        self._type = _TYPES[dtype]
        self._merged = self._table([], [])
        self._rest: list[pa.Table] = []
        self._rest_rows = 0

    def add(self, values: pa.Array, counts: pa.Array | None = None) -> None:
        """Counts values `[n]`, each once or `counts` times; nulls are left out."""
        if counts is None:
            distinct = pc.value_counts(values.drop_null())
            values, counts = distinct.field("values"), distinct.field("counts")
        self._rest.append(self._table(values, counts))
        self._rest_rows += len(values)
        if self._rest_rows > max(_LARGEST_REST, self._merged.num_rows):
            self._merge()

    def merge(self, other: "ValueCounter") -> None:
        """Adds what another one counted."""
        for table in (other._merged, *other._rest):
            self.add(table["value"], table["count"])

    @property
    def distinct(self) -> int:
        """Number of distinct values."""
        self._merge()
        return int(self._merged.num_rows)

    def most_frequent(self, min_count: int) -> pa.Array:
        """Values that occur at least `min_count` times, by falling count, then by rising value.

        Blank text and -1 are left out: they mean that a value is missing.
        """
        self._merge()
        values, counts = self._merged["value"], self._merged["count"]
        if pa.types.is_integer(self._type):
            is_missing = pc.equal(values, -1)
        else:
            is_missing = pc.equal(pc.utf8_trim_whitespace(values), "")
        kept = pc.and_(pc.greater_equal(counts, min_count), pc.invert(is_missing))
        table = self._merged.filter(kept)
        order = [("count", "descending"), ("value", "ascending")]
        return table.sort_by(order)["value"].combine_chunks()

    def _merge(self) -> None:
        table = pa.concat_tables([self._merged, *self._rest])
        counted = table.group_by("value").aggregate([("count", "sum")])
        self._merged = self._table(counted["value"], counted["count_sum"])
        self._rest, self._rest_rows = [], 0

    def _table(self, values: object, counts: object) -> pa.Table:
        schema = pa.schema([("value", self._type), ("count", pa.int64())])
        return pa.table({"value": values, "count": counts}).cast(schema)
