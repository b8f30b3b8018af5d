import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features import reading_memory
from ranking.features import spec as specs
from ranking.features.dataset import evaluation_batches, training_batches, training_steps
from ranking.features.encoder import Encoder
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import FeatureSpec, Roles
from ranking.sources.session_source import SessionSource
from tests.helpers.global_label_oracle import crowded_sessions, global_labels
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SESSIONS = 307
BATCH = 2
POOL = 32  # So that an epoch has several pools.
ARGUMENTS: dict[str, Any] = {
    "split": "train",
    "sessions_per_batch": BATCH,
    "replicas": 1,
    "seed": 3,
    "epoch": 0,
    "skip_batches": 0,
    "label": "click",
    "negatives_per_positive": 1.0,
    "pad_to_max": False,
    "by_size": True,  # Measures sessions on top of all that random batches do.
}
Batches = list[dict[str, np.ndarray]]


def few_fields() -> FeatureSpec:
    """The part of `small_spec` that shows which session and which candidate is which."""
    spec = small_spec()
    return dataclasses.replace(
        spec,
        session=(spec.field(specs.SESSION, "session_id"),),
        behaviors=(spec.field(specs.BEHAVIORS, "item"),),
        candidates=tuple(
            spec.field(specs.CANDIDATES, name) for name in ("click_probability", "item", "topics")
        ),
        tables={name: spec.tables[name] for name in ("item", "topic")},
        roles=Roles(item=("item",), session_id="session_id"),
    )


def selected(spec: FeatureSpec, table: pa.RecordBatch) -> pa.RecordBatch:
    """`table` with the columns of `spec` alone."""
    names = {section: {field.name for field in spec.section(section)} for section in specs.SECTIONS}
    names[specs.CANDIDATES] |= names[specs.LABELS]

    def few(row: dict[str, Any], section: str) -> dict[str, Any]:
        return {name: row[name] for name in names[section]}

    rows = [
        few(row, specs.SESSION)
        | {
            section: [few(one, section) for one in row[section]]
            for section in names
            if section in row
        }
        for row in table.to_pylist()
    ]
    return pa.RecordBatch.from_pylist(rows, schema=sessions_schema(spec))


@pytest.fixture(scope="module", autouse=True)
def small_pools() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading_memory, "MOST_POOL_BATCHES", POOL)
        yield


@pytest.fixture(scope="module")
def table() -> pa.RecordBatch:
    return selected(few_fields(), small_sessions(small_spec(), SESSIONS, seed=5))


@pytest.fixture(scope="module")
def sessions(table: pa.RecordBatch) -> dict[str, dict[str, Any]]:
    return {session["session_id"]: session for session in table.to_pylist()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, table: pa.RecordBatch) -> PreparedData:
    source = SessionSource({"train": lambda: iter([table])}, simulated=True, description={})
    folder = tmp_path_factory.mktemp("data") / "prepared"
    return prepare(few_fields(), source, folder, shards=3)


@pytest.fixture(scope="module")
def train(data: PreparedData) -> Callable[..., Batches]:
    """Batches of an epoch, read once per set of arguments."""
    encoder = Encoder(data.spec, data.vocabulary_folder)

    @functools.cache
    def read(**arguments: Any) -> Batches:
        return list(training_dataset(data, encoder, **arguments).as_numpy_iterator())

    return lambda **changes: read(**(ARGUMENTS | changes))


def training_dataset(data: PreparedData, encoder: Encoder, **changes: Any) -> tf.data.Dataset:
    return training_batches(data, encoder, **(ARGUMENTS | changes))


def session_ids(batches: Batches) -> list[str]:
    return [one.decode() for batch in batches for one in batch["session_id"]]


def same(batches: Batches, others: Batches) -> bool:
    return len(batches) == len(others) and all(
        np.array_equal(batch[key], other[key])
        for batch, other in zip(batches, others, strict=True)
        for key in batch
    )


def shown(batches: Batches) -> list[tuple[str, list[float], list[float]]]:
    """Each session with the probabilities, which tell candidates apart, and the labels."""
    return [
        (
            batch["session_id"][row].decode(),
            batch["candidates_click_probability"][row, :length].tolist(),
            batch["labels_click"][row, :length].tolist(),
        )
        for batch in batches
        for row, length in enumerate(batch["candidates_length"])
    ]


def with_click(sessions: dict[str, Any]) -> set[str]:
    return {
        name
        for name, session in sessions.items()
        if any(candidate["click"] for candidate in session["candidates"])
    }


@pytest.mark.parametrize("by_size", [True, False])
def test_an_epoch_has_every_session_with_a_positive_once(train, sessions, by_size):
    seen = session_ids(train(by_size=by_size))
    clicked = with_click(sessions)
    assert len(set(seen)) == len(seen) and set(seen) <= clicked
    assert len(seen) == len(clicked) // BATCH * BATCH
    assert len(train()) > 3 * POOL


def test_all_sessions_and_candidates_come_without_sampling(train, sessions):
    batches = train(negatives_per_positive=None)
    seen = session_ids(batches)
    assert len(set(seen)) == len(seen) == SESSIONS // BATCH * BATCH
    for name, probabilities, labels in shown(batches):
        candidates = sessions[name]["candidates"]
        expected = [candidate["click_probability"] for candidate in candidates]
        np.testing.assert_array_equal(probabilities, np.float32(expected))
        assert labels == [candidate["click"] for candidate in candidates]


def test_positives_stay_and_negatives_are_sampled(train, sessions):
    for name, probabilities, labels in shown(train()):
        clicks = {
            np.float32(c["click_probability"]): c["click"] for c in sessions[name]["candidates"]
        }
        assert [clicks[np.float32(probability)] for probability in probabilities] == labels
        positives = sum(clicks.values())
        assert sum(labels) == positives > 0
        assert len(labels) == min(2 * positives, len(clicks))


@pytest.mark.parametrize(("label", "ratio"), [("click", 1.0), ("click", None), ("order", 0.5)])
def test_the_number_of_steps_is_exact(data, train, label, ratio):
    batches = train(label=label, negatives_per_positive=ratio)
    steps = training_steps(
        data, split="train", sessions_per_batch=BATCH, label=label, negatives_per_positive=ratio
    )
    assert len(batches) == steps > 0


def test_seed_and_epoch_decide_alone(data, train):
    tf.random.set_seed(99)
    again = training_dataset(data, Encoder(data.spec, data.vocabulary_folder))
    assert same(train(), list(again.as_numpy_iterator()))
    assert same(train(), list(again.as_numpy_iterator()))
    assert {tensor.shape[0] for tensor in again.element_spec.values()} == {BATCH}


def test_every_session_comes_once_in_any_order(train, sessions):
    names = session_ids(train(deterministic=False, negatives_per_positive=None))
    assert len(set(names)) == len(names) == SESSIONS // BATCH * BATCH
    assert set(names) <= set(sessions)


def test_only_an_order_of_no_account_reads_whatever_is_ready(data):
    encoder = Encoder(data.spec, data.vocabulary_folder)
    for asked in (True, False):
        options = training_dataset(data, encoder, deterministic=asked).options()
        assert options.deterministic is asked


def test_epochs_differ_in_order_and_negatives(train):
    first, second = train(), train(epoch=1)
    assert session_ids(first) != session_ids(second)
    drawn = [{name: one for name, one, _ in shown(batches)} for batches in (first, second)]
    common = set(drawn[0]) & set(drawn[1])
    assert len(common) > 0.9 * len(drawn[0])
    assert any(drawn[0][name] != drawn[1][name] for name in common)


@pytest.mark.parametrize("by_size", [True, False])
def test_a_continued_epoch_is_the_rest_of_it(train, by_size):
    skip = 2 * POOL + 3
    rest = train(by_size=by_size)[skip:]
    assert same(train(by_size=by_size, skip_batches=skip), rest)


def test_batches_are_random_unless_asked_to_be_of_one_size(data, train):
    unasked = {name: value for name, value in ARGUMENTS.items() if name != "by_size"}
    encoder = Encoder(data.spec, data.vocabulary_folder)
    batches = list(training_batches(data, encoder, **unasked).as_numpy_iterator())
    assert same(batches, train(by_size=False)) and not same(batches, train(by_size=True))


def test_replicas_take_consecutive_parts_of_the_same_batches(train, data):
    parts = train(replicas=2, pad_to_max=True)
    assert shown(parts) == shown(train())
    assert {len(part["session_id"]) for part in parts} == {BATCH // 2}
    for one, other in zip(parts[::2], parts[1::2], strict=True):
        assert {key: value.shape for key, value in one.items()} == {
            key: value.shape for key, value in other.items()
        }
    assert {part["behaviors_item"].shape[1] for part in parts} == {data.spec.behaviors_max_length}
    assert {part["candidates_item"].shape[1] % 8 for part in parts} == {0}


@pytest.mark.parametrize("ratio", [None, 1.0])
def test_machines_have_the_sessions_of_a_batch_between_them(train, ratio):
    """Those they would have in the whole batch, and of each the candidates that are drawn there."""
    sizes = {"sessions_per_batch": 12, "negatives_per_positive": ratio}
    whole = train(**sizes)
    for machine in range(3):
        share = train(**sizes, machine=machine, machines=3, replicas=2)
        joined = [
            shown([one]) + shown([other])
            for one, other in zip(share[::2], share[1::2], strict=True)
        ]
        assert joined == [shown([batch])[machine::3] for batch in whole]
        assert all(len(batch["session_id"]) == 2 for batch in share)


def evaluate(data: PreparedData, sessions_per_batch: int, replicas: int = 1) -> tf.data.Dataset:
    return evaluation_batches(
        data,
        Encoder(data.spec, data.vocabulary_folder),
        split="train",
        sessions_per_batch=sessions_per_batch,
        replicas=replicas,
    )


@pytest.mark.parametrize(("sessions_per_batch", "replicas"), [(6, 2), (SESSIONS + 2, 1)])
def test_evaluation_has_every_session_once(data, sessions, sessions_per_batch, replicas):
    dataset = evaluate(data, sessions_per_batch, replicas)
    batches = list(dataset.as_numpy_iterator())
    rows = sessions_per_batch // replicas
    assert {tensor.shape[0] for tensor in dataset.element_spec.values()} == {rows}
    assert len(batches) == -(-SESSIONS // sessions_per_batch) * replicas
    seen = [name for name in session_ids(batches) if name]
    assert sorted(seen) == sorted(sessions)
    by_name = {name: (values, labels) for name, values, labels in shown(batches) if name}
    for name, session in sessions.items():
        expected = [candidate["click_probability"] for candidate in session["candidates"]]
        np.testing.assert_array_equal(by_name[name][0], np.float32(expected))
    empty = [length for batch in batches for length in batch["candidates_length"] if not length]
    assert len(empty) == len(batches) * rows - SESSIONS > 0


def test_what_does_not_fit_is_refused(data):
    encoder = Encoder(data.spec, data.vocabulary_folder)
    with pytest.raises(ValueError, match="`sessions_per_batch` must be a positive multiple"):
        training_dataset(data, encoder, replicas=3)
    with pytest.raises(ValueError, match="`label` must be one of.*Did you mean `click`"):
        training_dataset(data, encoder, label="clik")
    with pytest.raises(ValueError, match="has no split `trian`.*Did you mean `train`"):
        training_dataset(data, encoder, split="trian")
    with pytest.raises(ValueError, match="has no split `trian`"):
        training_steps(
            data,
            split="trian",
            sessions_per_batch=BATCH,
            label="click",
            negatives_per_positive=None,
        )


def test_a_shard_that_was_cut_since_is_named(tmp_path: Path, data):
    cut = dataclasses.replace(data, folder=tmp_path / "copy")
    shutil.copytree(data.folder, cut.folder)
    shard = cut.files("train")[1]
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(ValueError, match=f"{shard.name} is cut short"):
        training_dataset(cut, Encoder(cut.spec, cut.vocabulary_folder))
    with pytest.raises(ValueError, match=f"{shard.name} is cut short"):
        evaluate(cut, 6)


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Data with global labels."""
    few, whole = few_fields(), small_spec()
    spec = dataclasses.replace(
        few,
        session=(*few.session, whole.field(specs.SESSION, "user_id")),
        roles=dataclasses.replace(few.roles, user_id="user_id"),
        global_window="train",
    )
    batch = selected(spec, crowded_sessions(whole, 67, seed=5))
    source = SessionSource({"train": lambda: iter([batch])}, simulated=True, description={})
    return prepare(spec, source, tmp_path_factory.mktemp("labeled") / "data", shards=3)


@pytest.mark.parametrize(("pad_to_max", "ratio"), [(False, 1.0), (True, None)])
def test_global_labels_go_with_their_candidates(
    labeled: PreparedData, pad_to_max: bool, ratio: float | None
):
    encoder = Encoder(labeled.spec, labeled.vocabulary_folder)
    arguments = {"negatives_per_positive": ratio, "pad_to_max": pad_to_max, "replicas": 2}
    training = training_dataset(labeled, encoder, **arguments)
    batches = [*training.as_numpy_iterator(), *evaluate(labeled, 6, 2).as_numpy_iterator()]
    rows = crowded_sessions(small_spec(), 67, seed=5).to_pylist()
    expected = {
        (row["session_id"], np.float32(one["click_probability"])): wide
        for row, labels in zip(rows, global_labels(rows, "click", "train"), strict=True)
        for one, wide in zip(row["candidates"], labels, strict=True)
    }
    found = 0
    for batch in batches:
        labels, lengths = batch["labels_click_global"], batch["candidates_length"]
        assert labels.dtype == np.float32
        assert labels.shape == batch["labels_order_global"].shape == batch["labels_click"].shape
        for row, length in enumerate(lengths):
            name = batch["session_id"][row].decode()
            for place, value in enumerate(batch["candidates_click_probability"][row, :length]):
                assert labels[row, place] == expected[name, value]
                found += labels[row, place] != batch["labels_click"][row, place]
            assert not labels[row, length:].any()
    assert found
