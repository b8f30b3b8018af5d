"""Global labels as preparation writes them: by split, by seed, and with noise where asked for."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features.local_passes import LocalPasses
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData, PreparedDataError
from ranking.features.record_layout import record_layout
from ranking.features.verification import verify_prepared
from ranking.sources.session_source import SessionSource
from tests.helpers.global_label_oracle import crowded_sessions, global_labels
from tests.helpers.list_source import list_source
from tests.helpers.prepared_files import contents_of, records_of
from tests.helpers.small_spec import small_sessions, small_spec

SPEC = small_spec()
TRAIN, TEST = small_sessions(SPEC, 23, 0), small_sessions(SPEC, 7, 1)
GLOBAL = dataclasses.replace(SPEC, global_window="day")
CROWDS = {
    split: crowded_sessions(SPEC, n, seed)
    for seed, (split, n) in enumerate({"train": 43, "validation": 17, "test": 29}.items())
}
CROWD = list_source(
    {split: [batch.slice(0, 11), batch.slice(11)] for split, batch in CROWDS.items()}
)


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("labeled") / "data"
    return prepare(GLOBAL, CROWD, folder, shards=3, seed=5, source_name="memory")


def _examples(data: PreparedData, split: str) -> dict[bytes, dict[str, list[Any]]]:
    """The sessions of a split as records hold them, in order, by id; labels by their keys."""
    packed = record_layout(data.spec).labels
    sessions = {}
    for record in records_of(data, split):
        features = tf.train.Example.FromString(record).features.feature
        session = {
            key: list(getattr(feature, feature.WhichOneof("kind")).value)
            for key, feature in sorted(features.items())
        }
        labels = session.pop(packed.key)
        for place, field in enumerate(packed.fields):
            session[field.key] = labels[place :: packed.width]
        sessions[session["session_id"][0]] = session
    return sessions


def test_global_labels_are_those_of_each_split_alone(labeled: PreparedData) -> None:
    assert labeled.spec.global_window == "day"
    for split, batch in CROWDS.items():
        rows, written = batch.to_pylist(), _examples(labeled, split)
        assert len(written) == len(rows)
        manifest = labeled.manifest.splits[split]
        for task in SPEC.tasks:
            ones = differing = 0
            for row, labels in zip(rows, global_labels(rows, task, "day"), strict=True):
                session = written[row["session_id"].encode()]
                own = [one[task] for one in row["candidates"]]
                assert session[f"labels_{task}_global"] == labels
                assert session[f"labels_{task}"] == own
                ones += sum(labels)
                differing += sum(one != wide for one, wide in zip(own, labels, strict=True))
            assert manifest.global_positives[task] == ones
            assert manifest.global_differing[task] == differing > 0
    # The splits share users, items and days: together they would have other labels.
    together = [row for batch in CROWDS.values() for row in batch.to_pylist()]
    alone = sum(split.global_positives["click"] for split in labeled.manifest.splits.values())
    assert sum(map(sum, global_labels(together, "click", "day"))) > alone


def test_global_labels_do_not_depend_on_workers_or_batches(
    labeled: PreparedData, tmp_path: Path
) -> None:
    source = list_source(
        {
            split: [batch.slice(start, 3) for start in range(0, len(batch), 3)]
            for split, batch in CROWDS.items()
        }
    )
    source = dataclasses.replace(source, description=CROWD.description)
    options: dict[str, Any] = {"shards": 3, "seed": 5, "source_name": "memory"}
    again = prepare(GLOBAL, source, tmp_path / "data", passes=LocalPasses(2), **options)
    assert contents_of(again.folder) == contents_of(labeled.folder)


def test_global_labels_leave_everything_else_as_it_was(
    labeled: PreparedData, tmp_path: Path
) -> None:
    plain = prepare(SPEC, CROWD, tmp_path / "data", shards=3, seed=5, source_name="memory")
    assert plain.manifest.splits["train"].global_differing == {}
    for split in CROWDS:
        without, with_labels = _examples(plain, split), _examples(labeled, split)
        for session in with_labels.values():
            for task in SPEC.tasks:
                del session[f"labels_{task}_global"]
        # As text: NaN is not equal to itself. The order of the sessions counts.
        assert str(with_labels) == str(without)


def test_every_pass_over_every_split_is_reported(tmp_path: Path) -> None:
    calls: list[tuple[str, str]] = []
    counts: dict[tuple[str, str], int] = {}

    def progress(stage: str, split: str, sessions: int) -> None:
        calls.append((stage, split))
        counts[stage, split] = counts.get((stage, split), 0) + sessions

    prepare(GLOBAL, CROWD, tmp_path / "data", progress=progress)
    learned = [("learn", "train"), ("write", "train")]  # The first pass collects its labels, too.
    others = [(stage, split) for split in ("validation", "test") for stage in ("label", "write")]
    assert list(dict.fromkeys(calls)) == learned + others
    assert counts == {one: len(CROWDS[one[1]]) for one in counts}


def test_noise_is_drawn_by_seed_and_recorded(labeled: PreparedData, tmp_path: Path) -> None:
    def noisy(name: str, **changes: Any) -> PreparedData:
        options = {"shards": 3, "seed": 5, "source_name": "memory", "global_label_noise": 0.5}
        return prepare(GLOBAL, CROWD, tmp_path / name, **(options | changes))

    one, again, other = noisy("a"), noisy("b", passes=LocalPasses(2)), noisy("c", seed=6)
    assert one.manifest.global_label_noise == 0.5
    assert labeled.manifest.global_label_noise == 0.0
    assert contents_of(one.folder) == contents_of(again.folder)
    assert one.spec == labeled.spec
    clean, first, second = (_examples(data, "train") for data in (labeled, one, other))
    assert clean != first != {name: second[name] for name in first}
    # The labels themselves stay.
    for task in SPEC.tasks:
        splits = (data.manifest.splits["train"] for data in (labeled, one))
        assert len({split.positives[task] for split in splits}) == 1


@pytest.mark.parametrize(
    ("spec", "noise", "message"),
    [
        (GLOBAL, 1.1, "must be from 0 to 1. Received: global_label_noise=1.1"),
        (GLOBAL, -0.1, "must be from 0 to 1. Received"),
        (GLOBAL, float("nan"), "must be from 0 to 1. Received"),
        (SPEC, 0.1, "spec `small`, which has no global labels. Received: global_label_noise=0.1"),
    ],
)
def test_noise_out_of_range_is_refused(
    spec: Any, noise: float, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(spec, CROWD, tmp_path / "data", global_label_noise=noise)
    assert os.listdir(tmp_path) == []


def test_a_split_that_changes_between_passes_is_found(
    labeled: PreparedData, tmp_path: Path
) -> None:
    passes = []

    def read() -> Iterator[pa.RecordBatch]:
        passes.append(None)
        return iter([TRAIN] if len(passes) == 1 else [TRAIN, TEST])

    source = SessionSource({"test": read}, simulated=True, description={})
    with pytest.raises(ValueError, match="in every pass. Received: 23 test sessions, then 30"):
        prepare(labeled.spec, source, tmp_path / "data", spec_folder=labeled.folder)


def test_a_global_label_that_changed_is_found(labeled: PreparedData) -> None:
    verify_prepared(labeled)
    split = labeled.manifest.splits["test"]
    for name in ("global_positives", "global_differing"):
        counts = {**getattr(split, name), "order": getattr(split, name)["order"] + 1}
        wrong = dataclasses.replace(split, **{name: counts})
        manifest = dataclasses.replace(labeled.manifest, splits={"test": wrong})
        with pytest.raises(PreparedDataError, match="global .* order of split test must be"):
            verify_prepared(dataclasses.replace(labeled, manifest=manifest))
