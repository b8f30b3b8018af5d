import dataclasses
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from ranking.features import global_labels as module
from ranking.features.global_counts import global_differing, global_positives
from ranking.features.global_labels import GlobalLabels
from ranking.features.session_columns import session_columns, with_columns
from ranking.features.spec import CANDIDATES, FeatureSpec
from tests.helpers.global_label_oracle import crowded_sessions, global_labels
from tests.helpers.small_spec import sessions_schema, small_spec

WINDOWS = ("day", "train", "request")


def _spec(window: str = "day") -> FeatureSpec:
    return dataclasses.replace(small_spec(), global_window=window)


def _collected(
    spec: FeatureSpec, batches: list[pa.RecordBatch], noise: float = 0.0
) -> GlobalLabels:
    labels = GlobalLabels(spec)
    for batch in batches:
        labels.add(session_columns(spec, batch))
    if noise:
        ones = sum((labels.ones(batch) for batch in batches), Counter())
        labels.corrupt(noise, (3, 0), ones)
    return labels


def _of(labels: GlobalLabels, spec: FeatureSpec, batch: pa.RecordBatch, task: str) -> list[int]:
    columns = labels.columns(session_columns(spec, batch))
    return columns[f"labels_{task}_global"].to_pylist()


def _flat(labels: list[list[int]]) -> list[int]:
    return [label for row in labels for label in row]


def test_merged_labels_are_those_of_all_sessions() -> None:
    spec = _spec()
    batch = crowded_sessions(spec, 43, 1)
    merged = _collected(spec, [])
    for part in (batch.slice(0, 17), batch.slice(17)):
        merged.merge(_collected(spec, [part]))
    for task in spec.tasks:
        whole = _of(_collected(spec, [batch]), spec, batch, task)
        assert _of(merged, spec, batch, task) == whole
        assert whole != _of(_collected(spec, [batch.slice(17)]), spec, batch, task)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_labels_are_those_of_the_definition(window: str, seed: int) -> None:
    spec = _spec(window)
    batch = crowded_sessions(spec, 43, seed)
    labels = _collected(spec, [batch.slice(0, 17), batch.slice(17, 0), batch.slice(17)])
    rows = batch.to_pylist()
    for task in spec.tasks:
        expected = _flat(global_labels(rows, task, window))
        assert _of(labels, spec, batch, task) == expected
        own = [candidate[task] for row in rows for candidate in row["candidates"]]
        assert sum(expected) > sum(own)
        # A part of the split has the labels of the split.
        sizes = [len(row["candidates"]) for row in rows]
        part = expected[sum(sizes[:7]) : sum(sizes[:20])]
        assert _of(labels, spec, batch.slice(7, 13), task) == part


def test_windows_differ() -> None:
    batch = crowded_sessions(small_spec(), 43, 1)
    ones = {
        window: sum(_of(_collected(_spec(window), [batch]), _spec(window), batch, "click"))
        for window in WINDOWS
    }
    assert ones["request"] < ones["day"] < ones["train"]


def test_whole_numbers_name_users_and_items_exactly() -> None:
    spec = _spec("train")
    spec = dataclasses.replace(
        spec,
        session=tuple(
            dataclasses.replace(field, dtype="int64") if field.name == "user_id" else field
            for field in spec.session
        ),
        roles=dataclasses.replace(spec.roles, item=("shop",)),
    )
    near = 2**53  # Floating point takes it and the next number for one.
    rows = crowded_sessions(small_spec(), 4, 0).to_pylist()
    for row, user in zip(rows, (near, near + 1, near, -1), strict=True):
        row["user_id"] = user
        row["candidates"] = [
            row["candidates"][0] | {"shop": shop, "click": 0} for shop in (near, near + 1, None, -1)
        ]
    for row, place in ((0, 0), (1, 1), (2, 2), (3, 3)):
        rows[row]["candidates"][place]["click"] = 1
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert _of(_collected(spec, [batch]), spec, batch, "click") == _flat(expected)
    assert _flat(global_labels(rows, "click", "train", item="shop")) == _flat(expected)


def test_a_session_without_a_time_keeps_its_own_labels() -> None:
    spec = _spec("day")
    fields = tuple(
        dataclasses.replace(field, optional=True) if field.name == "time" else field
        for field in spec.session
    )
    spec = dataclasses.replace(spec, session=fields)
    rows = crowded_sessions(spec, 43, 1).to_pylist()
    for row in rows[::2]:
        row["time"] = None
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))
    expected = _flat(global_labels(rows, "click", "day"))
    assert _of(_collected(spec, [batch]), spec, batch, "click") == expected


def test_times_and_users_may_be_float() -> None:
    spec = _spec("day")
    floats = tuple(
        dataclasses.replace(field, dtype="float32") if field.name in ("time", "user_id") else field
        for field in spec.session
    )
    rows = crowded_sessions(small_spec(), 7, 1).to_pylist()
    for row, time, user in zip(
        rows,
        (0.0, 86_399.0, 86_400.0, float("nan"), -0.5, 5.0, 6.0),
        (1.5, 1.5, 1.5, 1.5, 1.5, float("nan"), -0.0),
        strict=True,
    ):
        row |= {"time": time, "user_id": user, "candidates": [row["candidates"][0]]}
        row["candidates"][0] |= {"item": "x", "click": 0}
    rows[1]["candidates"][0]["click"] = rows[5]["candidates"][0]["click"] = 1
    spec = dataclasses.replace(spec, session=floats)
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))
    assert _of(_collected(spec, [batch]), spec, batch, "click") == [1, 1, 0, 0, 0, 1, 0]


def test_many_keys_are_merged_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_REST", 3)
    spec = _spec("request")
    batch = crowded_sessions(spec, 67, 3)
    labels = _collected(spec, [batch.slice(row, 1) for row in range(batch.num_rows)])
    expected = _flat(global_labels(batch.to_pylist(), "click", "request"))
    assert _of(labels, spec, batch, "click") == expected


def test_a_split_without_positives_or_sessions_has_none() -> None:
    spec = _spec()
    batch = crowded_sessions(spec, 5, 3)
    nothing = _collected(spec, [])
    assert _of(nothing, spec, batch.slice(0, 0), "click") == []
    own = [candidate["click"] for row in batch.to_pylist() for candidate in row["candidates"]]
    assert _of(nothing, spec, batch, "click") == own


def test_counts_are_those_of_the_columns() -> None:
    spec = _spec("train")
    batch = crowded_sessions(spec, 43, 1)
    sections = session_columns(spec, batch)
    sections = with_columns(sections, _collected(spec, [batch]).columns(sections))
    candidates, rows = sections[CANDIDATES], batch.to_pylist()
    for task in spec.tasks:
        wide = np.array(_flat(global_labels(rows, task, "train")))
        own = np.array([one[task] for row in rows for one in row["candidates"]])
        assert global_positives(spec, candidates)[task] == wide.sum()
        assert global_differing(spec, candidates)[task] == (wide != own).sum() > 0
    plain = small_spec()
    assert global_positives(plain, candidates) == global_differing(plain, candidates) == {}


def test_noise_leaves_the_rate_and_what_has_no_key() -> None:
    spec = _spec("request")
    rows = crowded_sessions(spec, 997, 5).to_pylist()
    for number, row in enumerate(rows):
        row["time"] = number  # Every candidate that is known has a key, and a coin, of its own.
    batch = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))
    clean, noisy = (_of(_collected(spec, [batch], n), spec, batch, "click") for n in (0.0, 1.0))
    own, known = np.array(
        [
            (one["click"], bool(row["user_id"] and one["item"]))
            for row in rows
            for one in row["candidates"]
        ]
    ).T
    before, after = np.array(clean), np.array(noisy)
    np.testing.assert_array_equal(after[known == 0], own[known == 0])
    assert (after < own).any() and (after > before).any()
    assert after[known == 1].mean() == pytest.approx(before.mean(), abs=0.02)
