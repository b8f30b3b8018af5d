"""Padding of encoded batches: fixed shapes, full batches, and how much of it there is."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec

_CANDIDATES_MULTIPLE = 8

PADDING_COUNTS = ("behaviors", "behaviors_positions", "candidates", "candidates_positions")

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
    new = count - tf.shape(next(iter(batch.values())))[0]
    ranks = {value.shape.rank for value in batch.values()}
    paddings = {rank: tf.pad([[new]], [[0, rank - 1], [1, 0]]) for rank in ranks}
    padded = {}
    for key, value in batch.items():
        zero = "" if value.dtype == tf.string else 0
        padded[key] = tf.pad(value, paddings[value.shape.rank], constant_values=zero)
        padded[key].set_shape([count, *value.shape[1:]])
    return padded


def padding_counts(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Encoded batch, or what a model reads of it -> `PADDING_COUNTS`, float32, for graphs.

    `behaviors` and `candidates` are the elements of its sessions, `behaviors_positions` and
    `candidates_positions` the places that hold them; 0 where the batch has no field of them.
    """
    counts = {}
    for section in (BEHAVIORS, CANDIDATES):
        elements = tf.cast(tf.reduce_sum(batch[f"{section}_length"]), tf.float32)
        widest = [value for name, value in batch.items() if _is_padded(section, name, value)]
        places = tf.reduce_prod(tf.shape(widest[0])[:2]) if widest else tf.constant(0)
        counts[section] = elements if widest else tf.constant(0.0)
        counts[f"{section}_positions"] = tf.cast(places, tf.float32)
    return counts


def padding_shares(counts: Mapping[str, float]) -> dict[str, float]:
    """Sums of `padding_counts` -> `behaviors_padding` and `candidates_padding`.

    They are shares of the places that hold nothing; 0 where there are no places.

    Example:
        >>> counts = {"behaviors": 0, "behaviors_positions": 0}
        >>> padding_shares({**counts, "candidates": 30, "candidates_positions": 40})
        {'behaviors_padding': 0.0, 'candidates_padding': 0.25}
    """
    shares = {}
    for section in (BEHAVIORS, CANDIDATES):
        places = counts[f"{section}_positions"]
        shares[f"{section}_padding"] = 1 - counts[section] / places if places else 0.0
    return shares


def _is_padded(section: str, name: str, value: tf.Tensor) -> bool:
    # The lengths of a section have its name too, and one dimension.
    return name.startswith(f"{section}_") and value.shape.rank > 1


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
