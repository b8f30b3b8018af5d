"""Serialized records to tensors. `record_layout` says what a record holds, `record_encoding` writes
it; `record_values` turns row numbers back into what the source gave."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.record_layout import (
    FLAT_VALUES,
    ROW_LENGTHS,
    RecordLayout,
    record_layout,
    recorded_dtype,
)
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec, Field

_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}

Parsed = dict[str, Any]


def parse_records(
    spec: FeatureSpec, serialized: Any, *, layout: RecordLayout | None = None
) -> Parsed:
    """Maps serialized records `[B]` to the values of their features.

    A packed feature of W fields becomes `[B, W]` in the session and a ragged tensor `[B, (T), W]`
    or `[B, (C), W]` elsewhere; a text `[B]` or ragged `[B, (T)]`, `[B, (C)]`; several ids are
    ragged in one more dimension, and keyed by their field. The newest `spec.behaviors_max_length`
    behaviors and the first `max_length` ids are kept.

    Args:
        spec: The spec that the records were written with.
        serialized: String tensor `[B]`. B may be 0.
        layout: The features to read; all of the spec when left out.

    Raises:
        tf.errors.InvalidArgumentError: When run, if a record lacks a feature, holds another type,
            or has lists of different lengths in one section. The message names the feature.
    """
    layout = record_layout(spec) if layout is None else layout
    parsed = tf.io.parse_example(serialized, _features(spec, layout))
    result: Parsed = {}
    for section in (SESSION, BEHAVIORS, CANDIDATES):
        values = {key: parsed[key] for key in layout.keys_of(section) if key in parsed}
        for field in layout.ids:
            if field.section == section:
                values[field.key] = _several_ids(field, parsed)
        if section != SESSION:
            values = _completed(section, layout, values)
        if section == BEHAVIORS:
            values = _newest(values, spec.behaviors_max_length)
        for field in layout.ids:
            if field.section == section and field.max_length is not None:
                values[field.key] = values[field.key][..., : field.max_length]
        result |= values
    return result


def padded_records(spec: FeatureSpec, parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Maps what `parse_records` returned to a dense, padded batch by field key.

    Single values become `[B]`, `[B, T]` and `[B, C]`, several ids `[B, M]`, `[B, T, M]` and
    `[B, C, M]`. Every width is at least 1; padding is empty text or 0. Ids of tables that
    `is_numbered` are row numbers, int64. Labels become float32. Added are the int32 lengths
    `behaviors_length [B]`, `candidates_length [B]` and, for several ids, `<key>_length` of shape
    `[B]`, `[B, T]` or `[B, C]`.
    """
    layout = record_layout(spec)
    batch: dict[str, Any] = {}
    for packed in layout.packed:
        if packed.key in parsed:
            _add_length(batch, packed.section, parsed[packed.key])
            columns = tf.unstack(padded(parsed[packed.key]), packed.width, axis=-1)
            batch |= {
                field.key: column for field, column in zip(packed.fields, columns, strict=True)
            }
    for field in layout.texts + layout.ids:
        if field.key in parsed:
            value = parsed[field.key]
            _add_length(batch, field.section, value)
            if field.kind == "ids":
                lengths = value.row_lengths(axis=value.ragged_rank)
                batch[field.length_key] = tf.cast(padded(lengths), tf.int32)
            batch[field.key] = padded(value)
    for field in spec.labels + spec.global_labels:
        if field.key in batch:
            batch[field.key] = tf.cast(batch[field.key], tf.float32)
    return batch


def _add_length(batch: dict[str, Any], section: str, value: Any) -> None:
    if section != SESSION:
        batch.setdefault(f"{section}_length", tf.cast(value.row_lengths(), tf.int32))


def _features(spec: FeatureSpec, layout: RecordLayout) -> dict[str, Any]:
    """What `tf.io.parse_example` must look for."""
    features: dict[str, Any] = {}
    for packed in layout.packed:
        dtype = _DTYPES[packed.dtype]
        if packed.section == SESSION:
            features[packed.key] = tf.io.FixedLenFeature([packed.width], dtype)
        else:
            features[packed.key] = _list_feature(dtype)
    for field in layout.texts:
        is_one = field.section == SESSION
        features[field.key] = (
            tf.io.FixedLenFeature([], tf.string) if is_one else _list_feature(tf.string)
        )
    for field in layout.ids:
        dtype = _DTYPES[recorded_dtype(spec, field)]
        if field.section == SESSION:
            features[field.key] = _list_feature(dtype)
        else:
            features[field.key + FLAT_VALUES] = _list_feature(dtype)
            features[field.key + ROW_LENGTHS] = _list_feature(tf.int64)
    return features


def _list_feature(dtype: Any) -> Any:
    return tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)


def _several_ids(field: Field, parsed: Mapping[str, Any]) -> Any:
    """The ragged ids of a field."""
    if field.section == SESSION:
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


def _completed(section: str, layout: RecordLayout, values: Parsed) -> Parsed:
    """Checks that all lists of a section agree in length; packed ones become `[B, (n), W]`."""
    if not values:
        return values
    widths = {packed.key: packed.width for packed in layout.packed}
    lengths = {key: value.row_lengths() for key, value in values.items()}
    elements = [-(-lengths[key] // widths.get(key, 1)) for key in values]
    longest = tf.reduce_max(tf.stack(elements), axis=0)
    checks = []
    for key, received in lengths.items():
        width = widths.get(key, 1)
        rule = f"`{key}` must have {width} value(s) for each of the `{section}`."
        checks += _check(received == longest * width, rule, received, longest * width)
    with tf.control_dependencies(checks):
        splits = tf.concat([[0], tf.cumsum(longest)], axis=0)
    return {
        key: tf.RaggedTensor.from_row_splits(
            tf.reshape(value.values, [-1, widths[key]]) if key in widths else value.values,
            splits,
            validate=False,
        )
        for key, value in values.items()
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


def _newest(values: Parsed, max_length: int) -> Parsed:
    """Keeps the last elements of each list. All lists are of the same lengths."""
    if not values:
        return values
    first = next(iter(values.values()))

    def cut() -> Parsed:
        starts = tf.maximum(first.row_starts(), first.row_limits() - max_length)
        kept = tf.ragged.range(starts, first.row_limits(), row_splits_dtype=tf.int64)
        return {
            key: kept.with_values(tf.gather(value.values, kept.values))
            for key, value in values.items()
        }

    # Preparation cuts already; then nothing need be copied.
    is_too_long = tf.reduce_any(first.row_lengths() > max_length)
    return dict(tf.cond(is_too_long, cut, lambda: values))


def padded(value: Any) -> Any:
    """A ragged tensor as a dense one whose every ragged width is at least 1."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    lengths = [value.row_lengths(axis=1)]
    if value.ragged_rank == 2:
        lengths.append(value.values.row_lengths())
    widths = [tf.maximum(tf.reduce_max(each), 1) for each in lengths]
    inner = value.flat_values.shape[1:].as_list()
    dense = value.to_tensor(shape=tf.stack([-1, *widths, *inner]))
    return tf.ensure_shape(dense, [None] * (1 + len(widths)) + inner)
