"""The record format: one session is one `tf.train.Example`.

A feature's key is its field's key. Session fields hold one value (several ids: a list), fields of
behaviors and candidates and the labels hold one value per element. Several ids per element are
two features, `<key>/ragged_flat_values` and `<key>/ragged_row_lengths_0`, as TensorFlow Datasets
names them. `record_encoding` writes the format, this module reads it.
"""

from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf

from ranking.features.missing_values import missing_value
from ranking.features.record_encoding import FLAT_VALUES, ROW_LENGTHS, encode_batch
from ranking.features.session_columns import section_of
from ranking.features.spec import BEHAVIORS, CANDIDATES, LABELS, SESSION, FeatureSpec, Field

__all__ = ["encode_batch", "parse_records", "raw_batch"]

_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


def parse_records(
    spec: FeatureSpec, serialized: Any, *, fields: Collection[Field] | None = None
) -> dict[str, Any]:
    """Maps serialized records `[B]` to raw values by field key.

    Session fields become tensors `[B]` (several ids: ragged `[B, (M)]`), fields of behaviors ragged
    tensors `[B, (T)]`, fields of candidates and labels `[B, (C)]` (several ids: one more ragged
    dimension). The newest `spec.behaviors_max_length` behaviors and the first `max_length` ids are
    kept. Missing optional values become `missing_value`s, missing ids an empty list.

    Args:
        spec: The spec that the records were written with.
        serialized: String tensor `[B]`. B may be 0.
        fields: Those of the spec's `record_fields` to read; all when left out.

    Raises:
        tf.errors.InvalidArgumentError: When run, if a record lacks a required field, holds another
            type, or has lists of different lengths in one section. The message names the field.
    """
    fields = spec.record_fields if fields is None else fields
    features: dict[str, Any] = {}
    for field in fields:
        features.update(_features(field))
    parsed = tf.io.parse_example(serialized, features)
    result = {
        field.key: parsed[field.key]
        for field in fields
        if field.section == SESSION and field.kind != "ids"
    }
    for field in fields:
        if field.section == SESSION and field.kind == "ids":
            result[field.key] = parsed[field.key][:, : field.max_length]
    for section in (BEHAVIORS, CANDIDATES):
        members = [field for field in fields if section_of(field) == section]
        values = {field.key: _section_values(field, parsed) for field in members}
        values = _completed(section, members, values)
        if section == BEHAVIORS:
            values = _newest(values, spec.behaviors_max_length)
        for field in members:
            ids = field.kind == "ids"
            result[field.key] = (
                values[field.key][:, :, : field.max_length] if ids else values[field.key]
            )
    return result


def raw_batch(spec: FeatureSpec, parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Maps what `parse_records` returned to the dense, padded raw batch.

    Single values become `[B]`, `[B, T]` and `[B, C]`, several ids `[B, M]`, `[B, T, M]` and
    `[B, C, M]`. Every width is at least 1; padding is empty text or 0. Labels become float32.
    Added are the int32 lengths `behaviors_length [B]`, `candidates_length [B]` and, for several
    ids, `<key>_length` of shape `[B]`, `[B, T]` or `[B, C]`.
    """
    batch: dict[str, Any] = {}
    for field in spec.record_fields:
        if field.key not in parsed:
            continue
        value = parsed[field.key]
        section = section_of(field)
        if section != SESSION:
            batch.setdefault(f"{section}_length", tf.cast(value.row_lengths(), tf.int32))
        if field.kind == "ids":
            lengths = value.row_lengths(axis=value.ragged_rank)
            batch[field.length_key] = tf.cast(_padded(lengths), tf.int32)
        value = _padded(value)
        batch[field.key] = tf.cast(value, tf.float32) if field.section == LABELS else value
    return batch


def _features(field: Field) -> dict[str, Any]:
    """What `tf.io.parse_example` must look for to read the field."""
    dtype = _DTYPES[field.dtype]
    if field.section == SESSION and field.kind != "ids":
        default = missing_value(field) if field.optional else None
        return {field.key: tf.io.FixedLenFeature([], dtype, default_value=default)}
    if field.section == SESSION or field.kind != "ids":
        return {field.key: _list_feature(dtype)}
    return {
        field.key + FLAT_VALUES: _list_feature(dtype),
        field.key + ROW_LENGTHS: _list_feature(tf.int64),
    }


def _list_feature(dtype: Any) -> Any:
    return tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)


def _section_values(field: Field, parsed: Mapping[str, Any]) -> Any:
    """The ragged values of a field of behaviors or candidates, lists not yet compared."""
    if field.kind != "ids":
        return parsed[field.key]
    flat, lengths = parsed[field.key + FLAT_VALUES], parsed[field.key + ROW_LENGTHS]
    total = tf.reduce_sum(lengths, axis=1)
    is_negative = tf.reduce_any(lengths < 0, axis=1)
    checks = _check(
        ~is_negative & (total == flat.row_lengths()),
        f"`{field.key}{ROW_LENGTHS}` must add up to the number of values in "
        f"`{field.key}{FLAT_VALUES}`.",
        total,
        flat.row_lengths(),
    )
    with tf.control_dependencies(checks):
        inner = tf.RaggedTensor.from_row_lengths(
            tf.identity(flat.values), lengths.values, validate=False
        )
    return tf.RaggedTensor.from_row_splits(inner, lengths.row_splits, validate=False)


def _completed(section: str, fields: list[Field], values: dict[str, Any]) -> dict[str, Any]:
    """Checks that all lists of a section agree in length and fills absent optional ones."""
    if not fields:
        return values
    lengths = tf.stack([values[field.key].row_lengths() for field in fields])
    longest = tf.reduce_max(lengths, axis=0)
    checks = []
    for number, field in enumerate(fields):
        is_right = lengths[number] == longest
        if field.optional:
            is_right |= lengths[number] == 0
        rule = f"`{field.key}` must have as many values as the longest list of `{section}`."
        checks += _check(is_right, rule, lengths[number], longest)
    with tf.control_dependencies(checks):
        longest = tf.identity(longest)
    splits = tf.concat([[0], tf.cumsum(longest)], axis=0)
    return {
        field.key: tf.RaggedTensor.from_row_splits(
            _filled(field, values[field.key], longest), splits, validate=False
        )
        for field in fields
    }


def _check(is_right: Any, rule: str, received: Any, expected: Any) -> list[Any]:
    """Operations that raise an error that names the first record that breaks the rule."""
    # The value added at the end is there for an empty batch; it is right.
    marks = tf.concat([tf.cast(is_right, tf.int32), [1]], axis=0)
    wrong = tf.argmin(marks, output_type=tf.int32)
    numbers = [
        tf.strings.as_string(tf.gather(tf.concat([lengths, [0]], axis=0), wrong))
        for lengths in (received, expected)
    ]
    parts = [f"{rule} Received: ", numbers[0], " values instead of ", numbers[1], " in record "]
    text = tf.strings.join([*parts, tf.strings.as_string(wrong), " of the batch."])
    operation = tf.debugging.Assert(tf.reduce_all(is_right), [text])
    return [] if operation is None else [operation]


def _filled(field: Field, value: Any, longest: Any) -> Any:
    """The values of one field, one per element of the section, missing lists filled in."""
    values = value.values
    if not field.optional:
        return values
    missing = (
        tf.RaggedTensor.from_row_splits(values.values[:0], [0, 0], validate=False)
        if field.kind == "ids"
        else tf.constant([missing_value(field)], _DTYPES[field.dtype])
    )
    # Row 0 is the missing value; the values of the lists that are there come after it.
    is_there = tf.repeat(value.row_lengths() > 0, longest)
    rows = tf.where(is_there, tf.cumsum(tf.cast(is_there, tf.int64)), 0)
    return tf.gather(tf.concat([missing, values], axis=0), rows)


def _newest(values: dict[str, Any], max_length: int) -> dict[str, Any]:
    """Keeps the last elements of each list. All lists are of the same lengths."""
    if not values:
        return values
    first = next(iter(values.values()))

    def cut() -> dict[str, Any]:
        starts = tf.maximum(first.row_starts(), first.row_limits() - max_length)
        kept = tf.ragged.range(starts, first.row_limits(), row_splits_dtype=tf.int64)
        return {
            key: kept.with_values(tf.gather(value.values, kept.values))
            for key, value in values.items()
        }

    # Preparation cuts already; then nothing need be copied.
    is_too_long = tf.reduce_any(first.row_lengths() > max_length)
    return dict(tf.cond(is_too_long, cut, lambda: values))


def _padded(ragged: Any) -> Any:
    """A ragged tensor as a dense one whose every width is at least 1."""
    if not isinstance(ragged, tf.RaggedTensor):
        return ragged
    lengths = [ragged.row_lengths(axis=1)]
    if ragged.ragged_rank == 2:
        lengths.append(ragged.values.row_lengths())
    widths = [tf.maximum(tf.reduce_max(each), 1) for each in lengths]
    dense = ragged.to_tensor(shape=tf.stack([-1, *widths]))
    return tf.ensure_shape(dense, [None] * (1 + len(widths)))
