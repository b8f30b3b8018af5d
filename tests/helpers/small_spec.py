"""A spec with every kind of field and table in it, and random sessions that fit it."""

import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from ranking.features import spec as specs
from ranking.features.spec import FeatureSpec, Field, Roles, Table, Transform

LOG1P = Transform("log1p")
LEARNED_STANDARDIZE = Transform("standardize")

_ARROW_TYPES = {"string": pa.string(), "int64": pa.int64(), "float32": pa.float32()}
_ITEMS = [f"item-{number}" for number in range(23)] + ["söt-日本"]
_TOPICS = ["shoes", "boots", "Ünïcode", "日本", "hats", "bags", "socks"]
_WORDS = ["Red", "red", "SHOES", "boots", "ärmel", "日本", "sale"]


def small_spec(*, vocabulary_file: str | None = None) -> FeatureSpec:
    """An unresolved spec that covers every kind of field and table, in every section.

    Args:
        vocabulary_file: File with the `city` table's vocabulary; learned when left out.
    """
    tables = (
        Table("item", 3, "vocabulary", vocabulary="learned"),
        Table("topic", 2, "vocabulary", vocabulary="learned", min_count=2),
        Table("city", 2, "vocabulary", vocabulary=vocabulary_file or "learned"),
        Table("shop", 2, "vocabulary", dtype="int64", vocabulary="learned"),
        Table("action", 2, "values", values=("click", "order")),
        Table("grade", 2, "values", dtype="int64", values=(7, 11, 13)),
        Table("term", 3, "hash_buckets", hash_buckets=17),
        Table("seller", 2, "hash_buckets", dtype="int64", hash_buckets=5),
        Table("hour", 2, "integer_ids", dtype="int64", integer_ids=24),
        Table("price_level", 2, "bucketize", dtype="float32", bucketize=(5.0, 20.0, 50.0)),
    )
    return FeatureSpec(
        name="small",
        tables={table.name: table for table in sorted(tables, key=lambda table: table.name)},
        session=_session_fields(),
        behaviors=_behavior_fields(),
        behaviors_max_length=11,
        candidates=_candidate_fields(),
        labels=(
            Field("click", specs.LABELS, "label", "int64"),
            Field("order", specs.LABELS, "label", "int64"),
        ),
        roles=Roles(
            item=("item", "topics"),
            query=("query",),
            scenario="grade",
            session_id="session_id",
            user_id="user_id",
            time="time",
            popularity="popularity",
            oracle={"click": "click_probability"},
            segments=("city",),
        ),
    )


def small_sessions(spec: FeatureSpec, n: int, seed: int) -> pa.RecordBatch:
    """`n` random sessions of `small_spec`. Session 1 has no behaviors (where `n` > 1).

    Histories reach past `behaviors_max_length`, ids past their `max_length`; every optional field
    is missing now and then, the last candidate's price is NaN now and then. No two seeds have a
    session id in common.
    """
    chance = random.Random(seed)
    rows = [_session(spec, chance, number) for number in range(n)]
    for number, row in enumerate(rows):
        row["session_id"] = f"session-{1000 * seed + number}"
    return pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))


def sessions_schema(spec: FeatureSpec) -> pa.Schema:
    """The Arrow schema of a session table: one column per session field and two lists."""
    candidates = [_arrow_field(field) for field in spec.candidates + spec.labels]
    behaviors = [_arrow_field(field) for field in spec.behaviors]
    return pa.schema(
        [
            *(_arrow_field(field) for field in spec.session),
            pa.field("behaviors", pa.list_(pa.struct(behaviors)), nullable=False),
            pa.field("candidates", pa.list_(pa.struct(candidates)), nullable=False),
        ]
    )


def _arrow_field(field: Field) -> pa.Field:
    type_ = _ARROW_TYPES[field.dtype]
    if field.kind == "ids":
        type_ = pa.list_(type_)
    return pa.field(field.name, type_, nullable=field.optional)


def _fields(section: str, *rows: tuple[str, str, str, dict[str, Any]]) -> tuple[Field, ...]:
    fields = [Field(name, section, kind, dtype, **more) for name, kind, dtype, more in rows]
    return tuple(sorted(fields, key=lambda field: field.name))


def _session_fields() -> tuple[Field, ...]:
    return _fields(
        specs.SESSION,
        ("session_id", "metadata", "string", {}),
        ("user_id", "metadata", "string", {}),
        ("time", "metadata", "int64", {}),
        ("trust", "metadata", "float32", {"optional": True}),
        ("grade", "id", "int64", {"table": "grade"}),
        ("hour", "id", "int64", {"table": "hour", "optional": True}),
        ("city", "id", "string", {"table": "city", "optional": True}),
        ("query", "text", "string", {"table": "term", "max_length": 3, "optional": True}),
        ("interests", "ids", "string", {"table": "topic", "max_length": 3, "optional": True}),
        ("spend", "dense", "float32", {"transforms": (LOG1P,), "default": 2.0, "optional": True}),
        ("visits", "dense", "int64", {"transforms": (Transform("clip", (0.0, 5.0)),)}),
    )


def _behavior_fields() -> tuple[Field, ...]:
    return _fields(
        specs.BEHAVIORS,
        ("item", "id", "string", {"table": "item"}),
        ("topics", "ids", "string", {"table": "topic", "max_length": 2, "pool": "sum"}),
        ("shop", "id", "int64", {"table": "shop", "optional": True}),
        ("action", "id", "string", {"table": "action"}),
        ("days_ago", "dense", "float32", {"transforms": (LOG1P,)}),
    )


def _candidate_fields() -> tuple[Field, ...]:
    return _fields(
        specs.CANDIDATES,
        ("item", "id", "string", {"table": "item"}),
        ("topics", "ids", "string", {"table": "topic", "max_length": 2, "pool": "sum"}),
        ("sellers", "ids", "int64", {"table": "seller", "max_length": 3, "pool": "max"}),
        ("shop", "id", "int64", {"table": "shop", "optional": True}),
        ("title", "text", "string", {"table": "topic", "max_length": 4, "optional": True}),
        ("price_level", "id", "float32", {"table": "price_level"}),
        (
            "price",
            "dense",
            "float32",
            {"transforms": (LOG1P, LEARNED_STANDARDIZE), "default": 0.0},
        ),
        ("popularity", "dense", "float32", {"transforms": (LEARNED_STANDARDIZE,)}),
        ("click_probability", "metadata", "float32", {}),
    )


def _session(spec: FeatureSpec, chance: random.Random, number: int) -> dict[str, Any]:
    behaviors = 0 if number == 1 else chance.randint(0, spec.behaviors_max_length + 2)
    return {
        "user_id": f"user-{chance.randint(0, 6)}",
        "time": 1_700_000_000 + number,
        "trust": _maybe(chance, chance.random),
        "grade": chance.choice([7, 11, 13]),
        "hour": _maybe(chance, lambda: chance.randint(0, 23)),
        "city": _maybe(chance, lambda: chance.choice(["Oslo", "Århus", "東京"])),
        "query": _maybe(chance, lambda: " ".join(chance.choices(_WORDS, k=chance.randint(0, 5)))),
        "interests": _maybe(chance, lambda: _topics(chance, 5)),
        "spend": _maybe(chance, lambda: chance.uniform(0, 99)),
        "visits": chance.randint(0, 9),
        "behaviors": [_behavior(chance) for _ in range(behaviors)],
        "candidates": [_candidate(chance) for _ in range(chance.randint(1, 7))],
    }


def _behavior(chance: random.Random) -> dict[str, Any]:
    return {
        "item": chance.choice(_ITEMS),
        "topics": _topics(chance, 3),
        "shop": _maybe(chance, lambda: chance.randint(100, 106)),
        "action": chance.choice(["click", "order"]),
        "days_ago": chance.uniform(0, 30),
    }


def _candidate(chance: random.Random) -> dict[str, Any]:
    price = chance.uniform(1, 80)
    return {
        "item": chance.choice(_ITEMS),
        "topics": _topics(chance, 3),
        "sellers": [chance.randint(-3, 1 << 40) for _ in range(chance.randint(0, 4))],
        "shop": _maybe(chance, lambda: chance.randint(100, 106)),
        "title": _maybe(chance, lambda: " ".join(chance.choices(_WORDS, k=2))),
        "price_level": price,
        "price": price if chance.random() < 0.8 else float("nan"),
        "popularity": chance.uniform(0, 1000),
        "click_probability": chance.random(),
        "click": int(chance.random() < 0.3),
        "order": int(chance.random() < 0.1),
    }


def _topics(chance: random.Random, most: int) -> list[str]:
    return chance.choices(_TOPICS, k=chance.randint(0, most))


def _maybe(chance: random.Random, value: Callable[[], Any]) -> Any:
    return value() if chance.random() < 0.7 else None
