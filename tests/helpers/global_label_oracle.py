"""Global labels by their definition, in plain loops, and sessions in which they matter."""

import random
from typing import Any

import pyarrow as pa

from ranking.features.spec import FeatureSpec
from tests.helpers.small_spec import sessions_schema, small_sessions

DAY = 86_400
_START = 19_700 * DAY  # midnight


def global_labels(
    rows: list[dict[str, Any]], task: str, window: str, *, user: str = "user_id", item: str = "item"
) -> list[list[int]]:
    """Sessions of one split -> for each, the global label of every candidate."""
    return [
        [
            max(
                [candidate[task]]
                + [
                    other[task]
                    for other_row in rows
                    for other in other_row["candidates"]
                    if _are_same(row[user], other_row[user])
                    and _are_same(candidate[item], other[item])
                    and _share_window(row["time"], other_row["time"], window)
                ]
            )
            for candidate in row["candidates"]
        ]
        for row in rows
    ]


def crowded_sessions(spec: FeatureSpec, n: int, seed: int) -> pa.RecordBatch:
    """Sessions of few users on few days who meet the same few items again and again.

    Times fall on and next to midnight too; some users are not known.
    """
    chance = random.Random(seed)
    rows = small_sessions(spec, n, seed).to_pylist()
    for row in rows:
        row["user_id"] = chance.choice(["ann", "bob", "söt", ""])
        row["time"] = _START + chance.randrange(3) * DAY + chance.choice([0, 1, 7, DAY - 1])
        for candidate in row["candidates"]:
            candidate["item"] = chance.choice(["item-2", "item-3", "item-5", "söt-日本", "", "x"])
            candidate["click"] = int(chance.random() < 0.1)
            candidate["order"] = int(chance.random() < 0.05)
    return pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))


def _are_same(one: Any, other: Any) -> bool:
    return one not in ("", None, -1) and one == other


def _share_window(one: int | None, other: int | None, window: str) -> bool:
    if window == "train":
        return True
    if one is None or other is None:
        return False
    return one // DAY == other // DAY if window == "day" else one == other
