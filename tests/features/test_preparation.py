import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features.encoding_pool import encode_sessions
from ranking.features.manifest import Manifest
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData, PreparedDataError, read_prepared
from ranking.features.records import encode_batch
from ranking.features.validation import RecordError
from ranking.features.verification import verify_prepared
from ranking.sources.session_source import SessionSource
from tests.helpers.global_label_oracle import crowded_sessions, global_labels
from tests.helpers.list_source import list_source
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

ROOT = Path(__file__).parents[2]
SPEC = small_spec()
TRAIN, TEST = small_sessions(SPEC, 23, 0), small_sessions(SPEC, 7, 1)
SOURCE = list_source({"train": [TRAIN.slice(0, 5), TRAIN.slice(5)], "test": [TEST]})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("prepared") / "data"
    return prepare(SPEC, SOURCE, folder, shards=3, seed=5, source_name="memory")


def _records(data: PreparedData, split: str) -> list[bytes]:
    files = [str(path) for path in data.files(split)]
    return [record.numpy() for record in tf.data.TFRecordDataset(files)]


def _contents(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_every_session_is_written_once(prepared: PreparedData) -> None:
    assert sorted(_records(prepared, "train")) == sorted(encode_batch(SPEC, TRAIN))
    assert sorted(_records(prepared, "test")) == sorted(encode_batch(SPEC, TEST))


def test_the_folder_holds_what_is_documented(prepared: PreparedData) -> None:
    shards = {
        f"small-{split}.tfrecord-{number:05}-of-00003"
        for split in ("train", "test")
        for number in range(3)
    }
    vocabularies = {f"vocabularies/{name}.txt" for name in ("item", "topic", "city", "shop")}
    files = {"feature_spec.json", "manifest.json", "dataset_info.json", "features.json"}
    assert set(_contents(prepared.folder)) == shards | vocabularies | files
    assert prepared.spec.is_resolved
    assert read_prepared(prepared.folder) == prepared
    prepared.verify_checksums()


def test_the_manifest_counts_what_is_there(prepared: PreparedData) -> None:
    rows = TRAIN.to_pylist()
    split = prepared.manifest.splits["train"]
    clicks = [sum(one["click"] for one in row["candidates"]) for row in rows]
    assert split.sessions == len(rows)
    assert split.candidates == sum(len(row["candidates"]) for row in rows)
    kept = [min(len(row["behaviors"]), SPEC.behaviors_max_length) for row in rows]
    assert split.behaviors == sum(kept)
    assert split.positives["click"] == sum(clicks)
    assert split.sessions_with_positive["click"] == sum(count > 0 for count in clicks)
    assert sorted(shard.sessions for shard in split.shards) == [7, 8, 8]
    assert prepared.manifest.simulated
    assert prepared.manifest.source["source"] == "memory"
    assert prepared.manifest.source["protocol"] == "in memory"


def test_content_does_not_depend_on_workers_or_batches(
    prepared: PreparedData, tmp_path: Path
) -> None:
    pieces = [TRAIN.slice(start, 2) for start in range(0, TRAIN.num_rows, 2)]
    source = list_source({"train": pieces, "test": [TEST.slice(0, 0), TEST]})
    source = dataclasses.replace(source, description=SOURCE.description)
    options: dict[str, Any] = {"shards": 3, "seed": 5, "source_name": "memory"}
    again = prepare(SPEC, source, tmp_path / "data", workers=2, **options)
    assert _contents(again.folder) == _contents(prepared.folder)


def test_the_seed_spreads_sessions_otherwise(prepared: PreparedData, tmp_path: Path) -> None:
    other = prepare(SPEC, SOURCE, tmp_path / "data", shards=3, seed=6)
    assert sorted(_records(other, "train")) == sorted(_records(prepared, "train"))
    assert _records(other, "train") != _records(prepared, "train")


def test_fewer_sessions_than_shards_leave_no_empty_file(tmp_path: Path) -> None:
    source = list_source({"train": [TRAIN], "validation": [], "test": [TEST.slice(0, 2)]})
    data = prepare(SPEC, source, tmp_path / "data", shards=5)
    names = [path.name for path in data.files("test")]
    assert names == [f"small-test.tfrecord-{number:05}-of-00002" for number in range(2)]
    assert set(data.manifest.splits) == {"train", "test"}


def test_tensorflow_datasets_reads_the_same_values(prepared: PreparedData) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder_from_directory(str(prepared.folder))
    assert builder.info.splits["train"].num_examples == TRAIN.num_rows
    assert builder.info.splits["test"].num_examples == TEST.num_rows
    expected = {row["session_id"]: row for row in TRAIN.to_pylist()}
    seen = set()
    for session in builder.as_dataset(split="train"):
        row = expected[session["session_id"].numpy().decode()]
        seen.add(row["session_id"])
        candidates = row["candidates"]
        assert _texts(session["candidates_item"].numpy()) == [one["item"] for one in candidates]
        topics = [_texts(one) for one in session["candidates_topics"].to_list()]
        assert topics == [one["topics"][:2] for one in candidates]
        assert session["labels_click"].numpy().tolist() == [one["click"] for one in candidates]
        assert session["time"].numpy() == row["time"]
        assert session["query"].numpy().decode() == (row["query"] or "")
        assert len(session["behaviors_item"]) == min(len(row["behaviors"]), 11)
    assert seen == set(expected)


def _texts(values: Any) -> list[str]:
    return [value.decode() for value in values]


def test_a_resolved_spec_prepares_without_a_training_split(
    prepared: PreparedData, tmp_path: Path
) -> None:
    source = list_source({"test": [TEST]})
    data = prepare(
        prepared.spec, source, tmp_path / "data", shards=3, seed=5, spec_folder=prepared.folder
    )
    assert data.spec == prepared.spec
    assert _records(data, "test") == _records(prepared, "test")
    with pytest.raises(ValueError, match="must have a training split"):
        prepare(SPEC, source, tmp_path / "other")


def test_progress_reports_every_session(tmp_path: Path) -> None:
    seen: dict[tuple[str, str], int] = {}

    def progress(stage: str, split: str, sessions: int) -> None:
        seen[stage, split] = seen.get((stage, split), 0) + sessions

    prepare(SPEC, SOURCE, tmp_path / "data", progress=progress)
    assert seen == {("learn", "train"): 23, ("write", "train"): 23, ("write", "test"): 7}


def test_an_existing_folder_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    first = prepare(SPEC, SOURCE, folder, seed=1)  # An empty folder may be there.
    before = _contents(folder)
    with pytest.raises(FileExistsError, match="exists. Name another folder, or overwrite it"):
        prepare(SPEC, SOURCE, folder, seed=2)
    assert _contents(folder) == before
    second = prepare(SPEC, SOURCE, folder, seed=2, overwrite=True)
    assert (first.manifest.seed, second.manifest.seed) == (1, 2)
    assert os.listdir(tmp_path) == ["data"]


def test_a_folder_of_another_kind_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(FileExistsError, match="no manifest.json, so it may be something else"):
        prepare(SPEC, SOURCE, tmp_path / "home", overwrite=True)
    with pytest.raises(FileExistsError, match="is a file"):
        prepare(SPEC, SOURCE, tmp_path / "home" / "letter.txt", overwrite=True)
    assert (tmp_path / "home" / "letter.txt").read_text(encoding="utf-8") == "dear"


@pytest.mark.parametrize(("split", "workers"), [("train", 1), ("test", 1), ("test", 2)])
def test_a_bad_session_leaves_no_folder(split: str, workers: int, tmp_path: Path) -> None:
    rows = TEST.to_pylist()
    rows[4]["candidates"][0]["click"] = 3
    bad = pa.RecordBatch.from_pylist(rows, schema=sessions_schema(SPEC))
    splits = {"train": [TRAIN, bad] if split == "train" else [TRAIN], "test": [TEST, bad]}
    number = TRAIN.num_rows + 4 if split == "train" else TEST.num_rows + 4
    message = f"logs/{split}, session {number} .*`labels_click`"
    with pytest.raises(RecordError, match=message):
        prepare(SPEC, list_source(splits), tmp_path / "data", workers=workers, source_name="logs")
    assert os.listdir(tmp_path) == []


def test_a_source_that_changes_between_passes_is_found(tmp_path: Path) -> None:
    passes = []

    def read() -> Iterator[pa.RecordBatch]:
        passes.append(None)
        return iter([TRAIN] if len(passes) == 1 else [TRAIN, TEST])

    source = SessionSource({"train": read}, simulated=True, description={})
    with pytest.raises(ValueError, match="same sessions in every pass. Received: 23 .* then 30"):
        prepare(SPEC, source, tmp_path / "data")


def test_a_source_without_sessions_is_an_error(prepared: PreparedData, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have sessions. Received: none"):
        prepare(
            prepared.spec,
            list_source({"test": []}),
            tmp_path / "data",
            spec_folder=prepared.folder,
        )


@pytest.mark.parametrize("name", ["shards", "workers", "seed"])
def test_sizes_are_checked(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=re.escape(f"Received: {name}=-1")):
        prepare(SPEC, SOURCE, tmp_path / "data", **options)


def test_a_killed_preparation_leaves_no_folder(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from ranking.features.preparation import prepare
        from tests.helpers.list_source import list_source
        from tests.helpers.small_spec import small_sessions, small_spec

        def kill(stage, split, sessions):
            if (stage, split) == ("write", "test"):
                os.kill(os.getpid(), signal.SIGKILL)

        spec = small_spec()
        batches = [small_sessions(spec, 5, 0)]
        source = list_source({{"train": batches, "test": batches}})
        prepare(spec, source, {str(tmp_path / "data")!r}, progress=kill)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, check=False
    )
    assert result.returncode == -signal.SIGKILL, result.stderr.decode()
    left = os.listdir(tmp_path)
    assert "data" not in left
    assert all(name.startswith(".data.unfinished-") for name in left)


def test_workers_need_no_tensorflow() -> None:
    program = "import sys, ranking.features.encoding_pool; print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert result.stdout.strip() == "False"


def test_encoded_sessions_are_counted() -> None:
    encoded = encode_sessions(SPEC, TEST, "logs/test", 0)
    assert len(encoded.records) == TEST.num_rows
    assert encoded.candidates == sum(len(row["candidates"]) for row in TEST.to_pylist())


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
    """The sessions of a split as records hold them, in order, by id."""
    examples = [tf.train.Example.FromString(record) for record in _records(data, split)]
    sessions = [
        {
            key: list(getattr(feature, feature.WhichOneof("kind")).value)
            for key, feature in sorted(example.features.feature.items())
        }
        for example in examples
    ]
    return {session["session_id"][0]: session for session in sessions}


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
    again = prepare(GLOBAL, source, tmp_path / "data", workers=2, **options)
    assert _contents(again.folder) == _contents(labeled.folder)


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

    one, again, other = noisy("a"), noisy("b", workers=2), noisy("c", seed=6)
    assert one.manifest.global_label_noise == 0.5
    assert labeled.manifest.global_label_noise == 0.0
    assert _contents(one.folder) == _contents(again.folder)
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


def test_a_manifest_from_before_global_labels_is_read(prepared: PreparedData) -> None:
    document = json.loads(prepared.manifest.to_json())
    del document["global_label_noise"]
    for split in document["splits"].values():
        del split["global_positives"], split["global_differing"]
    assert Manifest.from_json(json.dumps(document)) == prepared.manifest


def test_a_global_label_that_changed_is_found(labeled: PreparedData) -> None:
    verify_prepared(labeled)
    split = labeled.manifest.splits["test"]
    for name in ("global_positives", "global_differing"):
        counts = {**getattr(split, name), "order": getattr(split, name)["order"] + 1}
        wrong = dataclasses.replace(split, **{name: counts})
        manifest = dataclasses.replace(labeled.manifest, splits={"test": wrong})
        with pytest.raises(PreparedDataError, match="global .* order of split test must be"):
            verify_prepared(dataclasses.replace(labeled, manifest=manifest))
