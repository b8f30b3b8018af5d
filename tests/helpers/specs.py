"""Small specs made by hand, and tables that fit them."""

from collections.abc import Sequence
from typing import Any

from ranking.features.spec import FeatureSpec, Field, Roles, Table


def shop_spec(**roles: Any) -> FeatureSpec:
    """A spec with one field of most kinds. `roles` are added to `item`, or replace it."""
    return FeatureSpec(
        name="shop",
        tables={
            "item": Table("item", 3, "vocabulary", vocabulary="learned"),
            "tag": Table("tag", 2, "vocabulary", dtype="int64", vocabulary="learned"),
            "term": Table("term", 2, "hash_buckets", hash_buckets=11),
        },
        session=(
            Field("query", "session", "text", "string", table="term", max_length=3, optional=True),
            Field("session_id", "session", "metadata", "string"),
            Field("time", "session", "metadata", "int64"),
            Field("user_id", "session", "metadata", "string"),
        ),
        behaviors=(
            Field("item", "behaviors", "id", "string", table="item"),
            Field("tags", "behaviors", "ids", "int64", table="tag", max_length=3),
        ),
        behaviors_max_length=5,
        candidates=(
            Field("item", "candidates", "id", "string", table="item"),
            Field("price", "candidates", "dense", "float32", default=0.0),
            Field("tags", "candidates", "ids", "int64", table="tag", max_length=3),
        ),
        labels=(Field("click", "labels", "label", "int64"),),
        roles=Roles(**{"item": ("item", "tags"), **roles}),
    )


def shop_session(number: int, *, user: str = "u", time: int = 0, shown: int = 2) -> dict[str, Any]:
    """One row of the session table of `shop_spec`."""
    return {
        "query": "red shoes" if number % 2 else None,
        "session_id": f"s{number}",
        "time": time,
        "user_id": user,
        "behaviors": [{"item": f"b{i}", "tags": [i, 7]} for i in range(number % 3)],
        "candidates": [
            {"item": f"c{i}", "price": 1.5 * i, "tags": [], "click": int(i == 1)}
            for i in range(shown)
        ],
    }


def impressions(sessions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the session table as one row per candidate, with plain columns."""
    rows = []
    for session in sessions:
        for candidate in session["candidates"]:
            row = {name: session[name] for name in ("query", "session_id", "time", "user_id")}
            for name in ("item", "tags"):
                row[f"behaviors_{name}"] = [entry[name] for entry in session["behaviors"]]
            rows.append({**row, **candidate})
    return rows
