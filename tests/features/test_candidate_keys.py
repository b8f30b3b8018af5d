import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from ranking.features.candidate_keys import candidate_keys, mixed
from ranking.features.session_columns import session_columns
from tests.helpers.global_label_oracle import DAY, crowded_sessions
from tests.helpers.small_spec import sessions_schema, small_spec

ROOT = Path(__file__).parents[2]
SPEC = dataclasses.replace(small_spec(), global_window="day")


def test_keys_are_equal_where_user_item_and_day_are() -> None:
    batch = crowded_sessions(SPEC, 97, 0)
    keys, known = candidate_keys(SPEC, session_columns(SPEC, batch))
    names = [
        (row["user_id"], one["item"], row["time"] // DAY)
        for row in batch.to_pylist()
        for one in row["candidates"]
    ]
    assert known.tolist() == [bool(user and item) for user, item, _ in names]
    assert 0 < known.sum() < len(known)
    by_name = dict(zip(names, keys.tolist(), strict=True))
    assert [by_name[name] for name in names] == keys.tolist()
    assert len(set(by_name.values())) == len(by_name) < len(names)


def test_user_and_item_are_not_mistaken_for_each_other() -> None:
    rows = crowded_sessions(SPEC, 2, 0).to_pylist()
    for row, user, item in zip(rows, ("x", "y"), ("y", "x"), strict=True):
        row |= {"user_id": user, "time": 0, "candidates": [row["candidates"][0] | {"item": item}]}
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    first, second = candidate_keys(SPEC, session_columns(SPEC, batch))[0].tolist()
    assert first != second


def test_keys_are_the_same_in_every_process() -> None:
    program = """
import dataclasses
from ranking.features.candidate_keys import candidate_keys
from ranking.features.session_columns import session_columns
from tests.features.test_candidate_keys import SPEC
from tests.helpers.global_label_oracle import crowded_sessions
print(candidate_keys(SPEC, session_columns(SPEC, crowded_sessions(SPEC, 3, 0)))[0].tolist())
"""
    command = [sys.executable, "-c", program]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    here = candidate_keys(SPEC, session_columns(SPEC, crowded_sessions(SPEC, 3, 0)))[0]
    assert other.stdout.strip() == str(here.tolist())


def test_mixing_is_one_to_one_and_spreads() -> None:
    numbers = np.arange(10_007, dtype=np.uint64)
    spread = mixed(numbers)
    assert len(np.unique(spread)) == len(numbers)
    high = (spread >> np.uint64(60)).astype(int)
    assert (np.abs(np.bincount(high, minlength=16) / len(numbers) - 1 / 16) < 0.01).all()
