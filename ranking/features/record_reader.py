"""Shards back to flat columns, for looking at them."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from ranking.features.missing_values import missing_value
from ranking.features.prepared_data import PreparedData, PreparedDataError
from ranking.features.reading_errors import plain_message
from ranking.features.record_values import RecordValues
from ranking.features.session_columns import SectionColumns, section_of
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field

_SESSIONS_AT_ONCE = 1024


def read_shard(data: PreparedData, path: Path) -> Iterator[dict[str, SectionColumns]]:
    """Maps a file of records to its sessions as columns, some sessions at a time.

    Missing values are null: in optional fields, and numbers that a default stands for.

    Args:
        data: The folder of prepared data.
        path: One of its files.

    Raises:
        PreparedDataError: If the file cannot be read or a record does not fit the spec.
    """
    record_values = RecordValues(data.spec, data.vocabulary_folder)
    try:
        # Not mapped: tracing a graph takes longer than parsing a file or two as they come.
        for records in tf.data.TFRecordDataset(str(path)).batch(_SESSIONS_AT_ONCE):
            values = record_values.parse(records)
            yield {
                section: _section(data.spec, section, values)
                for section in (SESSION, BEHAVIORS, CANDIDATES)
            }
    except (tf.errors.OpError, ValueError) as error:
        fault = plain_message(error) if isinstance(error, tf.errors.OpError) else error
        raise PreparedDataError(
            f"{path} cannot be read: {fault}. Make the records again with this spec, or use the "
            "spec they were made with."
        ) from error


def _section(spec: FeatureSpec, section: str, parsed: Mapping[str, Any]) -> SectionColumns:
    fields = [field for field in spec.record_fields if section_of(field) == section]
    columns = {field.key: _column(field, parsed[field.key]) for field in fields}
    if section == SESSION:
        sessions = len(next(iter(columns.values()))) if columns else 0
        return SectionColumns(np.arange(sessions + 1), columns)
    offsets = parsed[fields[0].key].row_splits.numpy() if fields else np.zeros(1, np.int64)
    return SectionColumns(offsets, columns)


def _column(field: Field, value: Any) -> pa.Array:
    if field.section != SESSION:
        value = value.values
    if field.kind == "ids":
        offsets = pa.array(value.row_splits.numpy(), pa.int32())
        return pa.ListArray.from_arrays(offsets, _values(field, value.values))
    column = _values(field, value)
    if not field.optional and field.default is None:
        return column
    missing = missing_value(field)
    if isinstance(missing, float) and math.isnan(missing):
        is_missing = pc.is_nan(column)
    elif field.kind == "dense":
        return column  # The default stands in for a missing number and looks like any other.
    else:
        is_missing = pc.equal(column, missing)
    return pc.if_else(is_missing, pa.scalar(None, column.type), column)


def _values(field: Field, tensor: Any) -> pa.Array:
    values = tensor.numpy()
    if field.dtype != "string":
        return pa.array(values)
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())
