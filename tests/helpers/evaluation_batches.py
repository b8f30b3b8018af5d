"""A spec with every role that evaluation reads, and random encoded batches that fit it."""

from typing import Any

import numpy as np

from ranking.features import spec as specs
from ranking.features.spec import FeatureSpec, Field, Roles, Table

SCENARIOS = ("search", "recommendation")
CATEGORIES = 13


def evaluation_spec(**roles: Any) -> FeatureSpec:
    """Two tasks, of which `click` has an oracle. `roles` replaces some of the roles."""
    tables = (
        Table("category", 2, "integer_ids", dtype="int64", integer_ids=CATEGORIES),
        Table("scenario", 2, "values", values=SCENARIOS),
    )
    all_roles = {
        "item": ("category",),
        "category": "category",
        "scenario": "scenario",
        "session_id": "session_id",
        "popularity": "popularity",
        "oracle": {"click": "click_probability"},
        "segments": ("city",),
    }
    return FeatureSpec(
        name="shop",
        tables={table.name: table for table in tables},
        session=(
            Field("city", specs.SESSION, "metadata", "string"),
            Field("scenario", specs.SESSION, "id", "string", table="scenario"),
            Field("session_id", specs.SESSION, "metadata", "string"),
            Field("spend", specs.SESSION, "dense", "float32"),
        ),
        behaviors=(Field("category", specs.BEHAVIORS, "id", "int64", table="category"),),
        behaviors_max_length=17,
        candidates=(
            Field("category", specs.CANDIDATES, "id", "int64", table="category"),
            Field("click_probability", specs.CANDIDATES, "metadata", "float32"),
            Field("popularity", specs.CANDIDATES, "dense", "float32"),
        ),
        labels=(
            Field("click", specs.LABELS, "label", "int64"),
            Field("order", specs.LABELS, "label", "int64"),
        ),
        roles=Roles(**{**all_roles, **roles}),
    )


def encoded_batch(size: int, seed: int, *, candidates: int = 13, empty: int = 0) -> dict[str, Any]:
    """`size` random sessions and `empty` padding sessions; padding holds NaN where it can."""
    chance = np.random.default_rng(seed)
    lengths = np.append(chance.integers(1, candidates + 1, size), np.zeros(empty, np.int64))
    histories = np.minimum(chance.geometric(0.15, size + empty) - 1, 17) * (lengths > 0)
    valid = np.arange(candidates) < lengths[:, None]
    probability = chance.beta(1, 3, valid.shape)
    cities = np.array([b"Oslo", "Århus".encode(), b""], dtype=object)
    return {
        "candidates_length": lengths.astype(np.int32),
        "behaviors_length": histories.astype(np.int32),
        "session_id": np.array([f"{seed}-{n}".encode() for n in range(size + empty)], object),
        "city": cities[chance.integers(0, 3, size + empty)],
        "scenario": chance.integers(1, 4, size + empty).astype(np.int32),
        "behaviors_category": _ids(chance, np.arange(17) < histories[:, None]),
        "candidates_category": _ids(chance, valid),
        "candidates_popularity": _padded(chance.integers(0, 5, valid.shape), valid),
        "candidates_click_probability": _padded(probability, valid),
        "labels_click": _padded(chance.random(valid.shape) < probability, valid),
        "labels_order": _padded(chance.random(valid.shape) < 0.1, valid),
    }


def _ids(chance: np.random.Generator, valid: Any) -> Any:
    return (chance.integers(1, CATEGORIES + 2, valid.shape) * valid).astype(np.int32)


def _padded(values: Any, valid: Any) -> Any:
    return np.where(valid, values, np.nan).astype(np.float32)
