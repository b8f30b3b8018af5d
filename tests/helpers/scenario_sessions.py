"""Random sessions of two scenarios, under a spec with as few fields as those models need."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import FeatureSpec, Field, Roles, Table
from ranking.sources.session_table import arrow_schema
from tests.helpers.list_source import list_source

SPEC = FeatureSpec(
    name="two_scenarios",
    tables={
        "item": Table("item", 3, "vocabulary", vocabulary="learned"),
        "scenario": Table("scenario", 2, "values", values=("search", "recommendation")),
        "term": Table("term", 2, "hash_buckets", hash_buckets=11),
    },
    session=(
        Field("query", "session", "id", "string", table="term", optional=True),
        Field("scenario", "session", "id", "string", table="scenario"),
        Field("spend", "session", "dense", "float32"),
        Field("time", "session", "metadata", "int64"),
        Field("user_id", "session", "metadata", "string"),
    ),
    behaviors=(Field("item", "behaviors", "id", "string", table="item"),),
    behaviors_max_length=5,
    candidates=(
        Field("item", "candidates", "id", "string", table="item"),
        Field("price", "candidates", "dense", "float32", default=0.0),
    ),
    labels=(
        Field("click", "labels", "label", "int64"),
        Field("order", "labels", "label", "int64"),
    ),
    roles=Roles(
        item=("item",),
        query=("query",),
        scenario="scenario",
        scenario_features=("spend",),
        user_id="user_id",
        time="time",
    ),
    global_window="day",
)


def two_scenarios(folder: Path, **sessions: int) -> PreparedData:
    """Prepared data with that many sessions in each split, by the name of the split.

    Histories reach past what the spec keeps; one scenario in three is none of the spec's.
    """
    batches = {split: [_batch(count, split)] for split, count in sessions.items()}
    return prepare(SPEC, list_source(batches), folder, shards=1)


def _batch(count: int, seed: str) -> pa.RecordBatch:
    chance = random.Random(seed)
    rows = [_session(chance, number) for number in range(count)]
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema(SPEC))


def _session(chance: random.Random, number: int) -> dict[str, Any]:
    def item() -> dict[str, Any]:
        return {"item": f"item-{chance.randint(0, 22)}"}

    def candidate() -> dict[str, Any]:
        click = chance.randint(0, 1)
        labels = {"click": click, "order": click * chance.randint(0, 1)}
        return {**item(), "price": chance.uniform(1, 80), **labels}

    return {
        "query": chance.choice(["shoes", "boots", None]),
        "scenario": chance.choice(["search", "recommendation", "elsewhere"]),
        "spend": chance.uniform(-1, 1),
        "time": 1_700_000_000 + number,
        "user_id": f"user-{chance.randint(0, 12)}",
        "behaviors": [item() for _ in range(chance.randint(0, 7))],
        "candidates": [candidate() for _ in range(chance.randint(2, 4))],
    }
