"""What encoding must give, worked out value by value, and raw requests padded in any way."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from ranking.features.missing_values import missing_value
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field, Table
from tests.helpers.resolved_small_spec import VOCABULARIES

_GARBAGE = {"string": "item-0", "int64": 7, "float32": math.nan}
_CLEAN = {"string": "", "int64": 0, "float32": 0.0}
_NUMPY = {"string": object, "int64": np.int64, "float32": np.float32}


def encoded_value(spec: FeatureSpec, field: Field, value: Any) -> Any:
    """One raw value -> its id, list of ids, or number."""
    if field.kind == "dense":
        return encoded_number(field, value)
    table = spec.table_of(field)
    if field.kind == "id":
        return encoded_id(table, value)
    if field.kind == "text":
        value = (value or "").lower().split()
    return [encoded_id(table, one) for one in (value or [])[: field.max_length]]


def encoded_id(table: Table, value: Any) -> int:
    """One raw value -> row of the table."""
    if value is None or value == "" or (table.dtype == "int64" and value == -1):
        return 1
    if table.kind in ("values", "vocabulary"):
        known = [str(one) for one in table.values] or VOCABULARIES[table.name]
        return 2 + known.index(str(value)) if str(value) in known else 1
    if table.kind == "hash_buckets":
        return 2 + int(tf.strings.to_hash_bucket_fast([str(value)], table.hash_buckets)[0])
    if table.kind == "integer_ids":
        return 2 + value if 0 <= value < table.integer_ids else 1
    if math.isnan(value):
        return 1
    return 2 + sum(boundary <= np.float32(value) for boundary in table.bucketize)


def encoded_number(field: Field, value: Any) -> float:
    """One raw number -> the number that a model reads."""
    if value is None:
        value = missing_value(field)
    if math.isnan(value) and field.default is not None:
        value = field.default
    for step in field.transforms:
        if step.name == "log1p":
            value = math.log(1 + max(value, 0.0))
        elif step.name == "clip":
            value = min(max(value, step.arguments[0]), step.arguments[1])
        else:
            value = (value - step.arguments[0]) / step.arguments[1]
    return value


def raw_request(
    spec: FeatureSpec, sessions: list[dict[str, Any]], *, extra: int = 0, garbage: bool = False
) -> dict[str, np.ndarray]:
    """Sessions -> raw inputs, `extra` positions wider than needed, clean or garbage in padding."""
    request: dict[str, np.ndarray] = {}
    for field in spec.session:
        if field.is_input:
            values = [[session[field.name]] for session in sessions]
            padded = _padded_field(field, values, 1, extra, garbage)
            request |= {key: value[:, 0] for key, value in padded.items()}
    for section, fields in ((BEHAVIORS, spec.behaviors), (CANDIDATES, spec.candidates)):
        width = max(len(session[section]) for session in sessions) + extra
        for field in fields:
            if field.is_input:
                values = [[one[field.name] for one in session[section]] for session in sessions]
                request |= _padded_field(field, values, width, extra, garbage)
        lengths = [len(session[section]) for session in sessions]
        request[f"{section}_length"] = np.array(lengths, np.int32)
    return request


def check_encoded(
    spec: FeatureSpec, sessions: list[dict[str, Any]], encoded: dict[str, np.ndarray]
) -> None:
    """Compares an encoded batch with the oracle; everything beyond the lengths has to be 0."""
    for field in spec.fields:
        if not field.is_input:
            continue
        for row, session in enumerate(sessions):
            value = encoded[field.key][row]
            lengths = encoded[field.length_key][row] if field.is_multivalued else None
            if field.section == SESSION:
                raws, value = [session[field.name]], value[None]
                lengths = None if lengths is None else lengths[None]
            else:
                raws = [one[field.name] for one in session[field.section]]
                raws = raws[-spec.behaviors_max_length :] if field.section == BEHAVIORS else raws
                assert encoded[f"{field.section}_length"][row] == len(raws)
            expected = [encoded_value(spec, field, raw) for raw in raws]
            _check_positions(field, expected, value, lengths)


def _check_positions(
    field: Field, expected: list[Any], value: np.ndarray, lengths: np.ndarray | None
) -> None:
    if lengths is not None:
        counts = [len(ids) for ids in expected]
        np.testing.assert_array_equal(lengths[: len(counts)], counts, err_msg=field.length_key)
        assert not lengths[len(counts) :].any(), field.length_key
        whole = np.zeros_like(value)
        for position, ids in enumerate(expected):
            whole[position, : len(ids)] = ids
    else:
        whole = np.zeros_like(value)
        whole[: len(expected)] = expected
    np.testing.assert_allclose(value, whole, rtol=1e-5, atol=1e-6, err_msg=field.key)


def _padded_field(
    field: Field, values: list[list[Any]], width: int, extra: int, garbage: bool
) -> dict[str, np.ndarray]:
    """Values by session and position -> `[B, width]`, or `[B, width, M]` and lengths."""
    fill = (_GARBAGE if garbage else _CLEAN)[field.dtype]
    if field.kind != "ids":
        padded = np.full([len(values), width], fill, _NUMPY[field.dtype])
        for row, ones in enumerate(values):
            for position, one in enumerate(ones):
                padded[row, position] = missing_value(field) if one is None else one
        return {field.key: padded}
    most = max((len(one or []) for ones in values for one in ones), default=0) + extra
    padded = np.full([len(values), width, most], fill, _NUMPY[field.dtype])
    lengths = np.full([len(values), width], 99 if garbage else 0, np.int32)
    for row, ones in enumerate(values):
        for position, one in enumerate(ones):
            lengths[row, position] = len(one or [])
            padded[row, position, : len(one or [])] = one or []
    return {field.key: padded, field.length_key: lengths}
