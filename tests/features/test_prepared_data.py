import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from ranking.features.manifest import Manifest
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedDataError, find_prepared, read_prepared
from ranking.features.record_reader import read_shard
from ranking.features.validation import RecordError
from ranking.features.verification import verify_prepared
from tests.helpers.list_source import list_source
from tests.helpers.small_spec import small_sessions, small_spec

SPEC = small_spec()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = list_source({"train": [small_sessions(SPEC, 11, 0)]})
    return prepare(SPEC, source, tmp_path_factory.mktemp("prepared") / "data", shards=2).folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


def _shard(folder: Path) -> Path:
    return folder / "small-train.tfrecord-00001-of-00002"


def test_a_moved_folder_reads_as_before(original: Path, folder: Path) -> None:
    moved, there = read_prepared(str(folder)), read_prepared(original)
    assert (moved.spec, moved.manifest) == (there.spec, there.manifest)
    assert moved.files("train") == (folder / "small-train.tfrecord-00000-of-00002", _shard(folder))
    assert moved.vocabulary_folder == folder / "vocabularies"
    verify_prepared(moved)


def test_only_a_folder_without_a_manifest_is_not_found(folder: Path, tmp_path: Path) -> None:
    assert find_prepared(tmp_path / "nowhere") is None
    assert find_prepared(tmp_path) is None
    assert find_prepared(folder) == read_prepared(folder)
    (folder / "feature_spec.json").unlink()
    with pytest.raises(PreparedDataError, match=r"it has no feature_spec\.json"):
        find_prepared(folder)


def test_a_manifest_survives_its_json(original: Path) -> None:
    manifest = read_prepared(original).manifest
    assert Manifest.from_json(manifest.to_json()) == manifest
    shards = manifest.splits["train"].shards
    assert manifest.splits["train"].bytes == sum(shard.bytes for shard in shards)


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PreparedDataError, match="does not exist. Make one with"):
        read_prepared(tmp_path / "nowhere")
    with pytest.raises(PreparedDataError, match="is not a prepared folder: it is empty"):
        read_prepared(tmp_path)
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    with pytest.raises(PreparedDataError, match="it has no manifest.json"):
        read_prepared(tmp_path)
    with pytest.raises(PreparedDataError, match="is a file, not a folder"):
        read_prepared(tmp_path / "other.txt")


def test_a_spec_that_was_edited_is_found(folder: Path) -> None:
    path = folder / "feature_spec.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["tables"]["item"]["width"] = 5
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PreparedDataError, match="is not the spec that the records were written"):
        read_prepared(folder)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"splits": {"train": {"sessions": 1}}}'])
def test_a_manifest_that_is_none_is_found(text: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(PreparedDataError, match="manifest.json cannot be read"):
        read_prepared(folder)


def test_an_unknown_split_names_those_there_are(folder: Path) -> None:
    with pytest.raises(PreparedDataError, match="no split `trian`. Did you mean `train`"):
        read_prepared(folder).files("trian")


def test_a_missing_shard_is_found(folder: Path) -> None:
    _shard(folder).unlink()
    with pytest.raises(PreparedDataError, match="00001-of-00002 is missing; manifest.json lists"):
        read_prepared(folder).files("train")


def test_a_shard_cut_short_is_found(folder: Path) -> None:
    content = _shard(folder).read_bytes()
    _shard(folder).write_bytes(content[:-3])
    with pytest.raises(PreparedDataError, match=f"cut short: it must have {len(content)} bytes"):
        read_prepared(folder).files("train")


def test_a_changed_byte_is_found_by_its_checksum(folder: Path) -> None:
    content = bytearray(_shard(folder).read_bytes())
    content[100] ^= 1
    _shard(folder).write_bytes(content)
    data = read_prepared(folder)
    data.files("train")
    with pytest.raises(PreparedDataError, match="00001-of-00002 is damaged: its checksum"):
        data.verify_checksums()
    with pytest.raises(PreparedDataError, match="cannot be read: corrupted record at [0-9]+. Make"):
        list(read_shard(data, _shard(folder)))


def test_records_of_another_spec_fail_with_the_field(folder: Path) -> None:
    data = read_prepared(folder)
    other = dataclasses.replace(data.spec.field("session", "visits"), name="clicks")
    spec = dataclasses.replace(data.spec, session=(*data.spec.session, other))
    with pytest.raises(PreparedDataError, match="00002 cannot be read: .*session/int64.*shape: .5"):
        list(read_shard(dataclasses.replace(data, spec=spec), _shard(folder)))
    price = dataclasses.replace(data.spec.field("candidates", "price"), name="weight")
    spec = dataclasses.replace(data.spec, candidates=(*data.spec.candidates, price))
    with pytest.raises(PreparedDataError, match="cannot be read: `candidates/float32` must have 4"):
        list(read_shard(dataclasses.replace(data, spec=spec), _shard(folder)))


@pytest.mark.parametrize("written", [None, 1, 99])
def test_records_of_another_format_are_refused(folder: Path, written: int | None) -> None:
    path = folder / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["record_format"]  # As in folders of earlier versions.
    if written is not None:
        document["record_format"] = written
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PreparedDataError) as failure:
        read_prepared(folder)
    assert f"its records are in format {written or 1}, and this version reads format 2" in str(
        failure.value
    )
    assert "Prepare the data again: python -m pipelines.prepare" in str(failure.value)


def test_a_changed_vocabulary_is_found_by_its_checksum(folder: Path) -> None:
    path = folder / "vocabularies" / "item.txt"
    path.write_text("other\n", encoding="utf-8")
    with pytest.raises(PreparedDataError, match="item.txt is damaged"):
        read_prepared(folder).verify_checksums()
    path.unlink()
    with pytest.raises(PreparedDataError, match="item.txt is missing"):
        read_prepared(folder).verify_checksums()


def test_verification_compares_counts(folder: Path) -> None:
    data = read_prepared(folder)
    train = dataclasses.replace(data.manifest.splits["train"], candidates=1)
    manifest = dataclasses.replace(data.manifest, splits={"train": train})
    with pytest.raises(PreparedDataError, match="candidates of split train must be 1. Received"):
        verify_prepared(dataclasses.replace(data, manifest=manifest))


def test_verification_checks_values(folder: Path) -> None:
    data = read_prepared(folder)
    hour = dataclasses.replace(data.spec.tables["hour"], integer_ids=2)
    spec = dataclasses.replace(data.spec, tables={**data.spec.tables, "hour": hour})
    with pytest.raises(RecordError, match="`hour` must be from 0 to 1"):
        verify_prepared(dataclasses.replace(data, spec=spec))
