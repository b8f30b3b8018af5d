"""Padding of encoded batches: fixed shapes, full batches, and how much of it there is."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

_CANDIDATES_MULTIPLE = 8

Batch = dict[str, tf.Tensor]


def pad_to_fixed_shapes(spec: FeatureSpec, batch: Mapping[str, tf.Tensor]) -> Batch:
    """Encoded batch -> the same with few different shapes, for a compiler that wants them static.

    Behaviors are padded to the spec's `max_length`, several ids of a field to the field's, and
    candidates to a multiple of 8.
    """
    padded = dict(batch)
    for field in (field for field in spec.record_fields if field.key in batch):
        keys = [field.key, field.length_key] if field.is_multivalued else [field.key]
        for key in keys if field.section != SESSION else ():
            width = spec.behaviors_max_length
            if field.section != BEHAVIORS:
                width = _rounded_up(tf.shape(batch[key])[1], _CANDIDATES_MULTIPLE)
            padded[key] = _pad(batch[key], 1, width)
        if field.is_multivalued:
            value = padded[field.key]
            padded[field.key] = _pad(value, value.shape.rank - 1, field.max_length)
    return padded


def pad_sessions(batch: Mapping[str, tf.Tensor], count: int) -> Batch:
    """Encoded batch of at most `count` sessions -> `count` sessions, the new ones all zeros."""
    return {key: _pad(value, 0, count) for key, value in batch.items()}


def padding_share(spec: FeatureSpec, batch: Mapping[str, tf.Tensor]) -> dict[str, float]:
    """Encoded batch -> share of positions that hold nothing, for `behaviors` and `candidates`.

    A section without positions has none to waste: its share is 0.
    """
    shares = {}
    for section in (BEHAVIORS, CANDIDATES):
        keys = [field.key for field in spec.section(section) if field.key in batch]
        if keys:
            sessions, width = batch[keys[0]].shape[:2]
            filled = float(tf.reduce_sum(batch[f"{section}_length"]))
            shares[section] = 1 - filled / (sessions * width) if sessions * width else 0.0
    return shares


def _rounded_up(size: tf.Tensor, multiple: int) -> tf.Tensor:
    return -(-size // multiple) * multiple


def _pad(value: tf.Tensor, axis: int, size: Any) -> tf.Tensor:
    """`value` with zeros (empty strings) at the end of `axis`, which becomes `size` long."""
    paddings = [[0, 0] for _ in range(value.shape.rank)]
    paddings[axis][1] = size - tf.shape(value)[axis]
    padded = tf.pad(value, paddings, constant_values="" if value.dtype == tf.string else 0)
    shape = value.shape.as_list()
    shape[axis] = size if isinstance(size, int) else None
    return tf.ensure_shape(padded, shape)
