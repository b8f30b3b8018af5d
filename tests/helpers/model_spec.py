"""Two small resolved specs to build models from, and random encoded batches that fit them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from ranking.features import spec as specs
from ranking.features.spec import FeatureSpec, Field, Roles, Table

ITEM_WIDTH = 5 + 3 + 3  # item, category, topics
QUERY_WIDTH = 2


def search_spec(**changes: Any) -> FeatureSpec:
    """A spec with a query and with every part a model tells apart; `changes` replace roles."""
    roles = {
        "item": ("item", "category", "topics"),
        "query": ("query",),
        "category": "category",
        "session_id": "session_id",
        "user_id": "user_id",
    }
    return FeatureSpec(
        name="model_search",
        tables=_tables(),
        session=_fields(
            specs.SESSION,
            ("grade", "id", "int64", {"table": "grade"}),
            ("query", "text", "string", {"table": "term", "max_length": 3}),
            ("session_id", "metadata", "string", {}),
            ("spend", "dense", "float32", {}),
            ("user_id", "metadata", "string", {}),
        ),
        behaviors=_fields(
            specs.BEHAVIORS,
            ("action", "id", "string", {"table": "action"}),
            *_item_fields(),
            ("days_ago", "dense", "float32", {}),
        ),
        behaviors_max_length=7,
        candidates=_fields(
            specs.CANDIDATES, *_item_fields(), ("price", "dense", "float32", {"default": 0.0})
        ),
        labels=_labels("click", "order"),
        roles=Roles(**(roles | changes)),
    )


def recommendation_spec(**changes: Any) -> FeatureSpec:
    """A spec without query, session features, side fields of behaviors or users."""
    return FeatureSpec(
        name="model_recommendation",
        tables={name: _tables()[name] for name in ("item", "topic")},
        session=_fields(specs.SESSION, ("session_id", "metadata", "string", {})),
        behaviors=_fields(specs.BEHAVIORS, *_item_fields()),
        behaviors_max_length=7,
        candidates=_fields(
            specs.CANDIDATES, *_item_fields(), ("popularity", "dense", "float32", {})
        ),
        labels=_labels("purchase"),
        roles=Roles(
            **({"item": ("item", "category", "topics"), "session_id": "session_id"} | changes)
        ),
    )


def scenario_spec(**changes: Any) -> FeatureSpec:
    """`search_spec` with three scenarios, a feature that belongs to them, and global labels."""
    roles = {"scenario": "grade", "scenario_features": ("spend",), **changes}
    return dataclasses.replace(search_spec(**roles), global_window="train")


def equal_widths_spec() -> FeatureSpec:
    """`search_spec` cut down until item, query and others are equally wide: 3."""
    spec = search_spec(item=("category",))
    keep = {"session": ("grade", "query"), "candidates": ("category", "price")}
    sections = {
        name: tuple(field for field in spec.section(name) if field.name in names)
        for name, names in keep.items()
    }
    tables = spec.tables | {"term": dataclasses.replace(spec.tables["term"], width=3)}
    roles = dataclasses.replace(spec.roles, user_id=None, session_id=None)
    return dataclasses.replace(spec, tables=tables, roles=roles, **sections)


def hierarchy_spec(**changes: Any) -> FeatureSpec:
    """`search_spec` with a category above the item's, whose vectors are as wide."""
    spec = search_spec()
    department = Field("department", specs.BEHAVIORS, "id", "string", table="topic")
    sections = {
        name: _sorted((*spec.section(name), dataclasses.replace(department, section=name)))
        for name in (specs.BEHAVIORS, specs.CANDIDATES)
    }
    item = (*spec.roles.item, "department")
    roles = {"item": item, "parent_category": "department", **changes}
    roles = dataclasses.replace(spec.roles, **roles)
    return dataclasses.replace(spec, roles=roles, **sections)


def encoded_batch(
    spec: FeatureSpec, seed: int = 1, *, sessions: int = 5, behaviors: int = 7, candidates: int = 3
) -> dict[str, Any]:
    """A random encoded batch with zeros at padded positions.

    Session 0 is full, session 1 has no behaviors, the last session is padding: it has neither
    behaviors nor candidates.
    """
    chance = np.random.default_rng(seed)
    lengths = {
        "behaviors": _lengths(chance, sessions, behaviors, lowest=0),
        "candidates": _lengths(chance, sessions, candidates, lowest=1),
    }
    lengths["behaviors"][1] = 0
    batch: dict[str, Any] = {f"{name}_length": value for name, value in lengths.items()}
    widths = {"behaviors": behaviors, "candidates": candidates, "labels": candidates}
    for field in spec.record_fields:
        section = "candidates" if field.section == specs.LABELS else field.section
        shape = [sessions, widths[field.section]] if section in lengths else [sessions]
        batch |= _values(spec, field, shape, chance)
        if section in lengths:
            padding = np.arange(shape[1]) >= lengths[section][:, None]
            for key in (field.key, field.length_key):
                if key in batch:
                    batch[key][padding] = 0
    if spec.roles.user_id:
        batch["user_id"] = np.array([f"user-{row // 2}" for row in range(sessions)])
    batch["owner"] = np.arange(sessions) // 2
    return batch


def with_garbage(spec: FeatureSpec, batch: dict[str, Any], seed: int = 2) -> dict[str, Any]:
    """The batch with NaN and arbitrary ids at all padded positions."""
    chance = np.random.default_rng(seed)
    batch = {key: value.copy() for key, value in batch.items()}
    for field in spec.behaviors + spec.candidates:
        if field.is_input:
            length = batch[f"{field.section}_length"]
            padding = np.arange(batch[field.key].shape[1]) >= length[:, None]
            for key, value in _values(spec, field, batch[field.key].shape[:2], chance).items():
                if field.kind == "dense":
                    value = np.full_like(value, np.nan)
                batch[key][padding] = value[padding]
    return batch


def inputs_of(network: Any, batch: dict[str, Any]) -> dict[str, Any]:
    """What `network` reads of `batch`."""
    return {tensor.name: batch[tensor.name] for tensor in network.inputs}


def _lengths(chance: np.random.Generator, sessions: int, longest: int, *, lowest: int) -> Any:
    lengths = chance.integers(
        min(lowest, longest), longest, sessions, dtype=np.int32, endpoint=True
    )
    lengths[0], lengths[-1] = longest, 0
    return lengths


def _values(spec: FeatureSpec, field: Field, shape: Any, chance: Any) -> dict[str, Any]:
    shape = tuple(shape)
    if field.kind == "label":
        return {field.key: chance.integers(0, 2, shape).astype(np.float32)}
    if field.kind == "metadata":
        return {field.key: np.full(shape, "x", object)}
    if field.kind == "dense":
        return {field.key: chance.normal(size=shape).astype(np.float32)}
    rows = spec.table_of(field).rows
    if field.kind == "id":
        return {field.key: chance.integers(1, rows, shape, dtype=np.int32)}
    longest = field.max_length or 1
    return {
        field.key: chance.integers(1, rows, (*shape, longest), dtype=np.int32),
        field.length_key: chance.integers(0, longest, shape, dtype=np.int32, endpoint=True),
    }


def _tables() -> dict[str, Table]:
    tables = (
        Table("action", 2, "values", values=("click", "order")),
        Table("grade", 2, "values", dtype="int64", values=(7, 11, 13)),
        Table("item", 5, "integer_ids", dtype="int64", integer_ids=23),
        Table("term", QUERY_WIDTH, "hash_buckets", hash_buckets=17),
        Table("topic", 3, "vocabulary", vocabulary="learned", size=11),
    )
    return {table.name: table for table in tables}


def _item_fields() -> tuple[tuple[str, str, str, dict[str, Any]], ...]:
    return (
        ("category", "id", "string", {"table": "topic"}),
        ("item", "id", "int64", {"table": "item"}),
        ("topics", "ids", "string", {"table": "topic", "max_length": 2, "pool": "sum"}),
    )


def _labels(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, specs.LABELS, "label", "int64") for name in names)


def _fields(section: str, *rows: tuple[str, str, str, dict[str, Any]]) -> tuple[Field, ...]:
    fields = [Field(name, section, kind, dtype, **more) for name, kind, dtype, more in rows]
    return _sorted(fields)


def _sorted(fields: Iterable[Field]) -> tuple[Field, ...]:
    return tuple(sorted(fields, key=lambda field: field.name))
