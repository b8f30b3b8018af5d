"""Serialized records to tensors. `record_layout` says what a record holds, `record_encoding` writes
it; `record_padding` pads what was parsed; `record_values` turns row numbers back into what the
source gave."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.record_checks import LengthRule, checked, right_totals, same_lengths
from ranking.features.record_layout import (
    FLAT_VALUES,
    ROW_LENGTHS,
    RecordLayout,
    record_layout,
    recorded_dtype,
)
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

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
    rules = [
        rule for section in (BEHAVIORS, CANDIDATES) for rule in _rules(section, layout, parsed)
    ]
    result = {key: parsed[key] for key in layout.keys_of(SESSION)}
    # Nothing reads lists that break a rule: it would fail first, and not say why.
    with tf.control_dependencies(checked(rules)):
        result |= _newest(_lists(BEHAVIORS, layout, parsed), spec.behaviors_max_length)
        result |= _lists(CANDIDATES, layout, parsed)
    for field in layout.ids:
        if field.max_length is not None:
            result[field.key] = result[field.key][..., : field.max_length]
    return result


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


def _rules(section: str, layout: RecordLayout, parsed: Mapping[str, Any]) -> list[LengthRule]:
    """What the lists of a section must agree in."""
    splits = _row_splits(section, layout, parsed)
    widths = _widths(layout)
    rules = []
    # A list alone, of one value per element, has nothing to agree with.
    if len(splits) > 1 or any(widths.get(key, 1) > 1 for key in splits):
        rules.append(same_lengths(section, splits, widths))
    for field in layout.ids:
        if field.section == section:
            keys = field.key + ROW_LENGTHS, field.key + FLAT_VALUES
            rules.append(right_totals(*keys, *(parsed[key] for key in keys)))
    return rules


def _row_splits(
    section: str, layout: RecordLayout, parsed: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Where the list of each session starts and ends, `[B + 1]`, by feature or field of ids."""
    ids = {field.key for field in layout.ids}
    return {
        key: parsed[key + ROW_LENGTHS if key in ids else key].row_splits
        for key in layout.keys_of(section)
    }


def _widths(layout: RecordLayout) -> dict[str, int]:
    return {packed.key: packed.width for packed in layout.packed}


def _lists(section: str, layout: RecordLayout, parsed: Mapping[str, Any]) -> Parsed:
    """The lists of a section, all with the same row splits; packed ones become `[B, (n), W]`."""
    widths, ids = _widths(layout), {field.key for field in layout.ids}
    all_splits = _row_splits(section, layout, parsed)
    if not all_splits:
        return {}
    first = next(iter(all_splits))
    splits = all_splits[first] // widths.get(first, 1)
    values = {}
    for key in all_splits:
        if key in ids:
            lengths = parsed[key + ROW_LENGTHS].values
            flat = tf.identity(parsed[key + FLAT_VALUES].values)
            values[key] = tf.RaggedTensor.from_row_lengths(flat, lengths, validate=False)
        else:
            inner = [widths[key]] if key in widths else []
            values[key] = tf.reshape(parsed[key].values, [-1, *inner])
    return {
        key: tf.RaggedTensor.from_row_splits(value, splits, validate=False)
        for key, value in values.items()
    }


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
