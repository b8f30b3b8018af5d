"""Every column against plain loops over the sessions, and what a user's own choices may tell."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ranking.features.encoder import Encoder
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import Roles
from ranking.sources.fold_counts import NO_FOLD
from tests.helpers.small_runs import small_data
from tools.baseline_run import split_batches
from tools.counting_features import CountingFeatures
from tools.train_counts import TrainCounts

Batch = dict[str, np.ndarray]
Items = dict[bytes, set[int]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return small_data(tmp_path_factory.mktemp("counting") / "data", train=53, test=13)


@pytest.fixture(scope="module")
def batches(data: PreparedData) -> dict[str, list[Batch]]:
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return {
        split: list(split_batches(data, encoder, split).as_numpy_iterator())
        for split in ("train", "test")
    }


@pytest.fixture(scope="module")
def counts(data: PreparedData, batches: dict[str, list[Batch]]) -> TrainCounts:
    return TrainCounts(data.spec, "click", batches["train"], folds=3, seed=7)


def _items(batches: Sequence[Batch]) -> Items:
    """What each user has: items of behaviors and of clicked candidates."""
    items: Items = {}
    for batch in batches:
        for row in np.flatnonzero(batch["candidates_length"]):
            own = items.setdefault(batch["user_id"][row], set())
            own |= set(batch["behaviors_item"][row].tolist())
            clicked = batch["labels_click"][row] > 0
            own |= set(batch["candidates_item"][row][clicked].tolist())
    return {user: {item for item in own if item > 1} for user, own in items.items()}


def _rate(items: Items, others: Sequence[bytes], *wanted: int) -> float:
    return 1000 * sum(set(wanted) <= items[user] for user in others) / len(others)


def _folds(counts: TrainCounts, users: Sequence[bytes]) -> dict[bytes, int]:
    return dict(zip(users, counts.folds({"user_id": np.array(users)}), strict=True))


@pytest.mark.parametrize("split", ["train", "test"])
def test_columns_are_those_of_a_plain_loop(
    data: PreparedData, batches: dict[str, list[Batch]], counts: TrainCounts, split: str
) -> None:
    items = _items(batches["train"])
    folds = _folds(counts, list(items))
    features = CountingFeatures(data.spec, counts)
    checked = 0
    for batch in batches[split]:
        columns = features(batch)
        for row in np.flatnonzero(batch["candidates_length"]):
            fold = folds.get(batch["user_id"][row], NO_FOLD)
            others = [user for user in items if folds[user] != fold]
            history = batch["behaviors_item"][row][: batch["behaviors_length"][row]].tolist()
            for place in range(batch["candidates_length"][row]):
                item = int(batch["candidates_item"][row, place])
                both = [
                    0.0 if min(one, item) < 2 or one == item else _rate(items, others, one, item)
                    for one in history
                ]
                near = [
                    rate / (_rate(items, others, one) * _rate(items, others, item)) ** 0.5
                    if rate
                    else 0.0
                    for rate, one in zip(both, history, strict=True)
                ]
                expected = {
                    "history": len(history),
                    "candidates_price": batch["candidates_price"][row, place],
                    "item.number": history.count(item) if item > 1 else 0,
                    "item.others": _rate(items, others, item) if item > 1 else 0,
                }
                for name, values in (("with", both), ("near", near)):
                    recent = [value / (len(history) - at) for at, value in enumerate(values)]
                    expected[f"item.{name}.sum"] = sum(values)
                    expected[f"item.{name}.maximum"] = max(values, default=0)
                    expected[f"item.{name}.recent"] = sum(recent)
                got = {name: columns[name][row, place] for name in expected}
                assert got == pytest.approx(expected, rel=1e-5)
                checked += sum(both) > 0
    assert checked > 5


def test_columns_are_the_same_for_every_batch(
    data: PreparedData, batches: dict[str, list[Batch]], counts: TrainCounts
) -> None:
    features = CountingFeatures(data.spec, counts)
    names = [list(features(batch)) for batch in (*batches["train"], *batches["test"])]
    assert all(each == names[0] for each in names)
    tags = [name for name in names[0] if name.startswith("tags.")]
    assert tags == ["tags.number", "tags.share", "tags.recency"]


def test_what_a_user_clicked_changes_no_number_of_the_own_sessions(
    data: PreparedData, batches: dict[str, list[Batch]], counts: TrainCounts
) -> None:
    """Else a count would tell a positive candidate from a negative one."""
    user = batches["train"][0]["user_id"][0]
    others_changed = False
    clicked = [dict(batch) for batch in batches["train"]]
    for batch in clicked:
        own = batch["user_id"] == user
        batch["labels_click"] = np.where(
            own[:, None], 1 - batch["labels_click"], batch["labels_click"]
        )
    after = TrainCounts(data.spec, "click", clicked, folds=3, seed=7)
    for batch in batches["train"]:
        own = batch["user_id"] == user
        pairs = [CountingFeatures(data.spec, of)(batch) for of in (counts, after)]
        for name in pairs[0]:
            before, now = pairs[0][name], pairs[1][name]
            np.testing.assert_array_equal(before[own], now[own], err_msg=name)
            others_changed |= bool((before[~own] != now[~own]).any())
    assert others_changed


def test_the_popularity_of_the_records_is_no_column(
    data: PreparedData, batches: dict[str, list[Batch]], counts: TrainCounts
) -> None:
    roles = dataclasses.replace(data.spec.roles, popularity="price")
    spec = dataclasses.replace(data.spec, roles=roles)
    assert "candidates_price" not in CountingFeatures(spec, counts)(batches["test"][0])


def test_sessions_are_users_where_the_spec_names_none(
    data: PreparedData, batches: dict[str, list[Batch]]
) -> None:
    def counted(roles: Roles) -> TrainCounts:
        spec = dataclasses.replace(data.spec, roles=roles)
        return TrainCounts(spec, "click", batches["train"], folds=3, seed=7)

    roles: Any = data.spec.roles
    sessions = counted(dataclasses.replace(roles, user_id=None))
    ids = np.concatenate([batch["session_id"] for batch in batches["train"]])[:53]
    assert set(sessions.folds({"session_id": ids})) == {0, 1, 2}
    with pytest.raises(ValueError, match="must have the role `user_id` or `session_id`"):
        counted(dataclasses.replace(roles, user_id=None, session_id=None))
