"""The `tables` section of a spec file to `Table` objects."""

import dataclasses
import re

from ranking.features.spec import LEARNED, TABLE_KINDS, Table
from ranking.features.spec_node import SpecNode, as_float32

_KEYS = {
    "values": ("values",),
    "vocabulary": ("vocabulary", "min_count", "size", "sha256"),
    "hash_buckets": ("hash_buckets",),
    "integer_ids": ("integer_ids",),
    "bucketize": ("bucketize",),
}
_SHARED_KEYS = ("width", "dtype")
_ALL_KEYS = (*_SHARED_KEYS, *(key for keys in _KEYS.values() for key in keys))
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def read_tables(node: SpecNode) -> dict[str, Table]:
    """Maps the `tables` section to tables in alphabetical order.

    Raises:
        SpecError: If a table breaks a rule, or there is none.
    """
    if not node.mapping():
        raise node.error("must hold at least one table.", "Add `item: {width: 16, ...}`.")
    tables = {}
    for name, table in sorted(node.mapping().items()):
        table.check_name(name)
        tables[name] = _read_table(name, table)
    return tables


def _read_table(name: str, node: SpecNode) -> Table:
    node.check_keys(_ALL_KEYS, "a table")
    kind = node.single_key(TABLE_KINDS, "a table")
    hints = dict.fromkeys(_ALL_KEYS, f"Remove it: it does not go with `{kind}`.")
    node.check_keys((*_SHARED_KEYS, *_KEYS[kind]), f"a `{kind}` table", hints)
    detail = node.mapping()[kind]
    table = Table(name=name, width=node.required("width", "16").integer(), kind=kind)
    if kind == "values":
        values = _read_values(detail)
        dtype = "string" if isinstance(values[0], str) else "int64"
        return dataclasses.replace(table, values=values, dtype=_derived_dtype(node, dtype))
    if kind == "vocabulary":
        return _read_vocabulary(table, node)
    if kind == "hash_buckets":
        return dataclasses.replace(table, hash_buckets=detail.integer(), dtype=_dtype(node))
    if kind == "integer_ids":
        dtype = _derived_dtype(node, "int64")
        return dataclasses.replace(table, integer_ids=detail.integer(), dtype=dtype)
    dtype = _derived_dtype(node, "float32")
    return dataclasses.replace(table, bucketize=_read_boundaries(detail), dtype=dtype)


def _read_vocabulary(table: Table, node: SpecNode) -> Table:
    keys = node.mapping()
    vocabulary = keys["vocabulary"].text()
    if vocabulary != LEARNED and not re.search(r"[./\\]", vocabulary):
        raise keys["vocabulary"].error(
            f"must be `learned` or a file. Received: {vocabulary}.",
            "Write `learned`, or the file with its ending, for example `brands.txt`.",
        )
    if "min_count" in keys and vocabulary != LEARNED:
        raise keys["min_count"].key_error(
            "does not go with a vocabulary file: values are counted where one is learned.",
            "Remove it.",
        )
    return dataclasses.replace(
        table,
        dtype=_dtype(node),
        vocabulary=vocabulary,
        min_count=keys["min_count"].integer() if "min_count" in keys else 1,
        size=keys["size"].integer(minimum=0) if "size" in keys else None,
        sha256=_read_checksum(keys["sha256"]) if "sha256" in keys else None,
    )


def _read_checksum(node: SpecNode) -> str:
    checksum = node.text()
    if not re.fullmatch("[0-9a-f]{64}", checksum):
        raise node.error(
            f"must be 64 hexadecimal digits in lowercase. Received: {node.written}.",
            "Remove it; preparation writes it.",
        )
    return checksum


def _read_values(node: SpecNode) -> tuple[str | int, ...]:
    """All text or all whole numbers, no value twice."""
    values: dict[str | int, SpecNode] = {}
    of_text = isinstance(node.sequence()[0].content, str)
    for item in node.sequence():
        value = _read_value(item, of_text)
        if value in values:
            raise item.error(f"must not repeat the value {item.written}.", "Remove one of them.")
        values[value] = item
    return tuple(values)


def _read_value(item: SpecNode, of_text: bool) -> str | int:
    if isinstance(item.content, str) != of_text and isinstance(item.content, str | int):
        raise item.error(
            f"must be of the same type as the first value. Received: {item.written}.",
            "Write all values as whole numbers, or all in quotes.",
        )
    if isinstance(item.content, float):
        raise item.error(
            f"must be text or a whole number. Received: {item.written}.",
            "Use `bucketize` for numbers, or put it in quotes.",
        )
    if isinstance(item.content, int) and not isinstance(item.content, bool):
        return item.integer(_INT64_MIN, _INT64_MAX)
    text = item.text()
    if len(text.splitlines()) > 1 or text.splitlines()[0] != text:
        raise item.error("must not hold a line break.", "A value is one line.")
    return text


def _read_boundaries(node: SpecNode) -> tuple[float, ...]:
    """Boundaries that still increase once they are float32."""
    boundaries: list[float] = []
    for item in node.sequence():
        boundary = item.number()
        if boundaries and as_float32(boundary) <= as_float32(boundaries[-1]):
            raise item.error(
                f"must be greater than the boundary before it, as float32. Received: {boundary}"
                f" after {boundaries[-1]}.",
                "Sort the boundaries and remove repeated ones.",
            )
        boundaries.append(boundary)
    return tuple(boundaries)


def _dtype(node: SpecNode) -> str:
    return node.mapping()["dtype"].choice(("string", "int64")) if node.has("dtype") else "string"


def _derived_dtype(node: SpecNode, dtype: str) -> str:
    """The type that follows from the table's kind; the file may repeat it."""
    if node.has("dtype") and node.mapping()["dtype"].content != dtype:
        written = node.mapping()["dtype"]
        raise written.error(
            f"must be `{dtype}`, the type of this table's values. Received: {written.written}.",
            "Remove `dtype`: it is known here.",
        )
    return dtype
