"""Random batches that a training step takes, in the session layout and with flat rows."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ranking.features.spec import (
    BEHAVIORS,
    CANDIDATES,
    LABELS,
    RESERVED_IDS,
    SECTIONS,
    FeatureSpec,
    Field,
    Table,
)
from ranking.features.spec_reader import read_spec

Batch = dict[str, tf.Tensor]

SPEC = Path(__file__).with_name("bench_training.yaml")
_LARGE = ("item", "query")
SMALL_ROWS = 200
CLICK_RATE = 0.2


def bench_spec(behaviors: int, rows: int, item_rows: int | None = None) -> FeatureSpec:
    """The spec of the benchmark with tables of a known size, which needs no vocabulary.

    Args:
        behaviors: Behaviors that a session keeps.
        rows: Rows of the tables of items and queries.
        item_rows: Rows of the table of items where they differ.
    """
    spec = read_spec(SPEC)
    sizes = dict.fromkeys(_LARGE, rows) | ({} if item_rows is None else {"item": item_rows})
    tables = {name: _counted(table, sizes) for name, table in spec.tables.items()}
    return dataclasses.replace(spec, tables=tables, behaviors_max_length=behaviors)


def encoded_batch(
    spec: FeatureSpec, sessions: int, candidates: int, chance: np.random.Generator
) -> Batch:
    """A random encoded batch of the spec, every session full: ids are uniform, padding is none."""
    sizes = {BEHAVIORS: (spec.behaviors_max_length,), CANDIDATES: (candidates,)}
    batch: Batch = {}
    for section in SECTIONS:
        shape = (sessions, *sizes.get(CANDIDATES if section == LABELS else section, ()))
        for field in spec.section(section):
            batch[field.key] = tf.constant(_drawn(spec, field, shape, chance))
        if section in sizes:
            batch[f"{section}_length"] = tf.fill([sessions], shape[1])
    return batch


def flat_batch(batch: Mapping[str, tf.Tensor]) -> Batch:
    """A batch of sessions -> the same impressions, one row each, with their session repeated."""
    candidates = int(batch[f"{CANDIDATES}_length"][0])
    flat = {}
    for key, value in batch.items():
        if key.startswith((f"{CANDIDATES}_", f"{LABELS}_")) and key != f"{CANDIDATES}_length":
            flat[key] = tf.reshape(value, [-1])
        else:
            flat[key] = tf.repeat(value, candidates, axis=0)
    return flat


def _counted(table: Table, sizes: Mapping[str, int]) -> Table:
    if table.kind != "vocabulary":
        return table
    rows = sizes.get(table.name, SMALL_ROWS) - RESERVED_IDS
    return dataclasses.replace(table, kind="integer_ids", vocabulary=None, integer_ids=rows)


def _drawn(
    spec: FeatureSpec, field: Field, shape: tuple[int, ...], chance: np.random.Generator
) -> Any:
    if field.kind == "id":
        return chance.integers(RESERVED_IDS, spec.table_of(field).rows, shape, dtype=np.int32)
    if field.kind == "metadata":
        return np.arange(shape[0]).astype(str)
    if field.kind == "label":
        return (chance.random(shape) < CLICK_RATE).astype(np.float32)
    return chance.random(shape, dtype=np.float32)
