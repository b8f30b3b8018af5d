import dataclasses
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

from ranking.features.encoding_pool import encode_sessions
from ranking.features.local_passes import LocalPasses
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData, read_prepared
from ranking.features.record_encoding import RecordEncoder
from ranking.features.validation import RecordError
from ranking.sources.session_source import SessionSource
from tests.helpers.list_source import list_source
from tests.helpers.prepared_files import contents_of, records_of
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

ROOT = Path(__file__).parents[2]
SPEC = small_spec()
TRAIN, TEST = small_sessions(SPEC, 23, 0), small_sessions(SPEC, 7, 1)
SOURCE = list_source({"train": [TRAIN.slice(0, 5), TRAIN.slice(5)], "test": [TEST]})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("prepared") / "data"
    return prepare(SPEC, SOURCE, folder, shards=3, seed=5, source_name="memory")


def test_every_session_is_written_once(prepared: PreparedData) -> None:
    encoder = RecordEncoder(prepared.spec, prepared.vocabulary_folder)
    assert sorted(records_of(prepared, "train")) == sorted(encoder.encode_batch(TRAIN))
    assert sorted(records_of(prepared, "test")) == sorted(encoder.encode_batch(TEST))


def test_the_folder_holds_what_is_documented(prepared: PreparedData) -> None:
    shards = {
        f"small-{split}.tfrecord-{number:05}-of-00003"
        for split in ("train", "test")
        for number in range(3)
    }
    vocabularies = {f"vocabularies/{name}.txt" for name in ("item", "topic", "city", "shop")}
    files = {"feature_spec.json", "manifest.json", "dataset_info.json", "features.json"}
    assert set(contents_of(prepared.folder)) == shards | vocabularies | files
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
    again = prepare(SPEC, source, tmp_path / "data", passes=LocalPasses(2), **options)
    assert contents_of(again.folder) == contents_of(prepared.folder)


def test_the_seed_spreads_sessions_otherwise(prepared: PreparedData, tmp_path: Path) -> None:
    other = prepare(SPEC, SOURCE, tmp_path / "data", shards=3, seed=6)
    assert sorted(records_of(other, "train")) == sorted(records_of(prepared, "train"))
    assert records_of(other, "train") != records_of(prepared, "train")


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
    items, topics = (
        (prepared.vocabulary_folder / f"{name}.txt").read_text(encoding="utf-8").split("\n")
        for name in ("item", "topic")
    )
    seen = set()
    for session in builder.as_dataset(split="train"):
        row = expected[session["session_id"].numpy().decode()]
        seen.add(row["session_id"])
        candidates = row["candidates"]
        ids = _named(builder, session, "candidates", "int64")
        assert [items[number - 2] for number in ids["item"]] == [one["item"] for one in candidates]
        chosen = session["candidates_topics"].to_list()
        known = [[topics[number - 2] for number in one if number > 1] for one in chosen]
        assert known == [[t for t in one["topics"][:2] if t in topics] for one in candidates]
        labels = _named(builder, session, "labels", "int64")
        assert labels["click"].tolist() == [one["click"] for one in candidates]
        assert _named(builder, session, "session", "metadata_int64")["time"] == row["time"]
        assert session["query"].numpy().decode() == (row["query"] or "")
        kept = len(_named(builder, session, "behaviors", "float32")["days_ago"])
        assert kept == min(len(row["behaviors"]), 11)
    assert seen == set(expected)


def _named(builder: Any, session: Any, section: str, name: str) -> dict[str, Any]:
    """The columns of a packed feature by the names in its description."""
    names = str(builder.info.features[section][name].doc.desc).split(", ")
    values = session[section][name].numpy()
    return {column: values[..., place] for place, column in enumerate(names)}


def test_a_resolved_spec_prepares_without_a_training_split(
    prepared: PreparedData, tmp_path: Path
) -> None:
    source = list_source({"test": [TEST]})
    data = prepare(
        prepared.spec, source, tmp_path / "data", shards=3, seed=5, spec_folder=prepared.folder
    )
    assert data.spec == prepared.spec
    assert records_of(data, "test") == records_of(prepared, "test")
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
    before = contents_of(folder)
    with pytest.raises(FileExistsError, match="exists. Name another folder, or overwrite it"):
        prepare(SPEC, SOURCE, folder, seed=2)
    assert contents_of(folder) == before
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
        prepare(
            SPEC,
            list_source(splits),
            tmp_path / "data",
            passes=LocalPasses(workers),
            source_name="logs",
        )
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


@pytest.mark.parametrize("name", ["shards", "seed"])
def test_sizes_are_checked(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=re.escape(f"Received: {name}=-1")):
        prepare(SPEC, SOURCE, tmp_path / "data", **options)


def test_there_must_be_a_worker() -> None:
    with pytest.raises(ValueError, match="Received: workers=0"):
        LocalPasses(0)


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


def test_encoded_sessions_are_counted(prepared: PreparedData) -> None:
    encoder = RecordEncoder(prepared.spec, prepared.vocabulary_folder)
    encoded = encode_sessions(encoder, TEST, "logs/test", 0)
    assert len(encoded.records) == TEST.num_rows
    assert encoded.counts.candidates == sum(len(row["candidates"]) for row in TEST.to_pylist())
