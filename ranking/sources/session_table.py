"""The session table: the Arrow form in which every source hands over sessions."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import BEHAVIORS, CANDIDATES, FeatureSpec, Field
from ranking.sources.source_error import SourceError

_FILL_OR_ALLOW = "Fill it, or say `optional: true` in the feature spec"
_REQUIRED = {"required": "always"}  # Of what no spec can make optional: labels, list elements.
_OPTIONAL = {"optional": "column"}  # Of what a file may lack altogether.
_TYPES = {"string": pa.string(), "int64": pa.int64(), "float32": pa.float32()}


def arrow_schema(spec: FeatureSpec) -> pa.Schema:
    """Maps a spec to the schema of its session table.

    One column per session field, a column `behaviors` and a column `candidates`. The latter two
    are lists with one struct per item; the struct of a candidate holds the labels too. A field
    may be null if it is optional, or a number with a default; the column of an optional one may be
    absent too.
    """
    columns = [_arrow_field(field) for field in spec.session]
    sections = {BEHAVIORS: spec.behaviors, CANDIDATES: (*spec.candidates, *spec.labels)}
    for name, fields in sections.items():
        struct = pa.struct([_arrow_field(field) for field in fields])
        columns.append(pa.field(name, _list_of(struct), nullable=False, metadata=_REQUIRED))
    return pa.schema(columns)


def conform(
    batch: pa.RecordBatch, schema: pa.Schema, where: str, *, first_row: int = 0
) -> pa.RecordBatch:
    """Maps a record batch to the same rows with exactly the columns and types of `schema`.

    Extra columns are dropped. Types are changed where that loses nothing but float precision:
    whole numbers become strings, booleans become 0 and 1, timestamps and dates become seconds
    since 1970. An optional column that is absent is filled with nulls; a null list of behaviors
    or candidates becomes an empty one.

    Args:
        batch: Rows of a table, nested as `arrow_schema` says.
        schema: What `arrow_schema` returned, or some columns of it.
        where: What messages call the table, for example the file's name.
        first_row: Number of the batch's first row in that table, counted from 0.

    Raises:
        SourceError: If a column is missing, of the wrong type, or null where it must not be.
    """
    arrays = []
    for field in schema:
        place = _Place(where, field.name, lambda row: first_row + row)
        index = batch.schema.get_field_index(field.name)
        array = batch.column(index) if index >= 0 else None
        arrays.append(_fit_child(array, field, place, batch.num_rows, batch.schema.names))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _missing_column(field: pa.Field, place: "_Place", present: list[str]) -> SourceError:
    remedy = "Add or rename the column"
    if not _is_required(field):
        remedy += ", or change the field in the spec (`optional: true`, or leave it out)"
    return SourceError(
        f"Column `{place.path}` is missing in {place.where}; the feature spec asks for "
        f"{_describe(field.type)}. {did_you_mean(place.path.rpartition('.')[2], present)} {remedy}."
    )


def _is_required(field: pa.Field) -> bool:
    return b"required" in (field.metadata or {})


def _may_be_absent(field: pa.Field) -> bool:
    # Not what has a default alone: a column under another name would become a constant in silence.
    return field.nullable and b"optional" in (field.metadata or {})


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where an array stands: for messages only."""

    where: str
    path: str
    row_of: Callable[[int], int]

    def error(self, rule: str, received: str) -> SourceError:
        return SourceError(f"Column `{self.path}` in {self.where} must {rule}. {received}")


def _list_of(value_type: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("item", value_type, nullable=False, metadata=_REQUIRED))


def _arrow_field(field: Field) -> pa.Field:
    value_type = _TYPES[field.dtype]
    nullable = field.optional or field.default is not None
    arrow_type = _list_of(value_type) if field.kind == "ids" else value_type
    metadata = _REQUIRED if field.kind == "label" else _OPTIONAL if field.optional else None
    return pa.field(field.name, arrow_type, nullable=nullable, metadata=metadata)


def _fit_child(
    array: pa.Array | None, field: pa.Field, place: _Place, rows: int, names: list[str]
) -> pa.Array:
    if array is None:
        if not _may_be_absent(field):
            raise _missing_column(field, place, names)
        return pa.nulls(rows, field.type)
    return _fit(array, field, place)


def _fit(array: pa.Array, field: pa.Field, place: _Place) -> pa.Array:
    """Casts one array to a field's type, at any depth, and refuses forbidden nulls."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        array = pa.nulls(len(array), field.type)
    if pa.types.is_list(field.type):
        fitted = _fit_list(array, field, place)
    elif pa.types.is_struct(field.type):
        fitted = _fit_struct(array, field, place)
    else:
        fitted = _fit_value(array, field.type, place)
    if fitted.null_count and not field.nullable:
        row = place.row_of(int(np.argmax(fitted.is_null().to_numpy(zero_copy_only=False))))
        remedy = "Fill it" if _is_required(field) else _FILL_OR_ALLOW
        raise place.error("have a value in every row", f"Received: null in row {row}. {remedy}.")
    return fitted


def _fit_list(array: pa.Array, field: pa.Field, place: _Place) -> pa.Array:
    if not _is_list(array.type):
        raise _wrong_type(array, field.type, place)
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    child_place = dataclasses.replace(
        place, row_of=lambda at: place.row_of(int(np.searchsorted(offsets, at, "right")) - 1)
    )
    values = _fit(pc.list_flatten(array), field.type.value_field, child_place)
    # A list of structs is a whole section: nothing known is an empty history, not a null.
    keep_nulls = array.null_count and not pa.types.is_struct(field.type.value_type)
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        values,
        type=field.type,
        mask=array.is_null() if keep_nulls else None,
    )


def _fit_struct(array: pa.Array, field: pa.Field, place: _Place) -> pa.Array:
    if not pa.types.is_struct(array.type):
        raise _wrong_type(array, field.type, place)
    names = [member.name for member in array.type]
    children = dict(zip(names, array.flatten(), strict=True))
    arrays = [
        _fit_child(
            children.get(member.name),
            member,
            dataclasses.replace(place, path=f"{place.path}.{member.name}"),
            len(array),
            names,
        )
        for member in field.type
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(field.type))


def _fit_value(array: pa.Array, target: pa.DataType, place: _Place) -> pa.Array:
    source = array.type
    if pa.types.is_string(target) and _is_text(source):
        return _fit_text(array, place)
    if source == target:
        return array
    if not _is_castable(source, target):
        raise _wrong_type(array, target, place)
    try:
        if pa.types.is_timestamp(source) or pa.types.is_date(source):
            array = array.cast(pa.timestamp("s", getattr(source, "tz", None)), safe=False)
        # A float32 cannot hold every whole number; nothing else may change its value.
        return array.cast(target, safe=not pa.types.is_floating(target))
    except pa.ArrowInvalid as error:
        raise place.error(f"be {_describe(target)}", f"Received {source}: {error}") from error


def _fit_text(array: pa.Array, place: _Place) -> pa.Array:
    """Text or bytes to text in UTF-8: what reads a file takes the writer's word for it."""
    try:
        # Of the checks that Arrow has, the cast from bytes is the cheapest: 10 ns for a short text.
        return array.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        row = _first_not_utf8(array)
        if row is None:
            raise place.error("be string", f"Received {array.type}: {error}") from error
        start = bytes(array[row].as_buffer())[:60]
        raise place.error(
            "be text in UTF-8",
            f"Received: {start!r} in row {place.row_of(row)}. Write the column again in UTF-8.",
        ) from error


def _first_not_utf8(array: pa.Array) -> int | None:
    for row, value in enumerate(array):
        try:
            if value.is_valid:
                bytes(value.as_buffer()).decode()
        except UnicodeDecodeError:
            return row
    return None


def _is_text(source: pa.DataType) -> bool:
    types = pa.types
    kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary)
    return any(is_kind(source) for is_kind in kinds)


def _is_castable(source: pa.DataType, target: pa.DataType) -> bool:
    types = pa.types
    if types.is_string(target):
        return bool(types.is_integer(source))
    if types.is_integer(target) and (types.is_timestamp(source) or types.is_date(source)):
        return True
    numbers = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    return any(is_kind(source) for is_kind in numbers)


def _is_list(arrow_type: pa.DataType) -> bool:
    types = pa.types
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(is_kind(arrow_type) for is_kind in kinds)


def _wrong_type(array: pa.Array, target: pa.DataType, place: _Place) -> SourceError:
    return place.error(
        f"be {_describe(target)}",
        f"Received: {array.type}. Write the column with that type, or change the field in the "
        "feature spec.",
    )


def _describe(arrow_type: pa.DataType) -> str:
    """A type in few words, without the inner names that Arrow prints."""
    if pa.types.is_list(arrow_type):
        inner = arrow_type.value_type
        return "a list of structs" if pa.types.is_struct(inner) else f"a list of {inner}"
    return "a struct" if pa.types.is_struct(arrow_type) else str(arrow_type)
