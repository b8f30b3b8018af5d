import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData, read_prepared
from tests.helpers.global_label_oracle import crowded_sessions
from tests.helpers.list_source import list_source
from tests.helpers.run_main import program_runner
from tests.helpers.small_spec import small_sessions, small_spec
from tools import inspect_records as program

SPEC = small_spec()
TRAIN, TEST = small_sessions(SPEC, 23, 0), small_sessions(SPEC, 7, 1)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    source = list_source({"train": [TRAIN], "test": [TEST]})
    return prepare(SPEC, source, tmp_path_factory.mktemp("prepared") / "data", shards=2)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return program_runner(program, monkeypatch, capfd)


def _expected(row: dict[str, Any]) -> dict[str, Any]:
    """A session of the source as records keep it."""
    behaviors = row["behaviors"][-SPEC.behaviors_max_length :]
    return _simple(
        row
        | {
            "query": row["query"] or None,  # Empty text and no text are the same in a record.
            "interests": (row["interests"] or [])[:3],
            "behaviors": [one | {"topics": one["topics"][:2]} for one in behaviors],
            "candidates": [
                one | {"topics": one["topics"][:2], "sellers": one["sellers"][:3]}
                for one in row["candidates"]
            ],
        }
    )


def _simple(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _simple(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_simple(one) for one in value]
    if isinstance(value, float):
        return None if value != value else pytest.approx(value)
    return value


def test_json_gives_back_the_sessions_of_the_source(run: Run, data: PreparedData) -> None:
    code, out, err = run(f"--data={data.folder}", "--sessions=99", "--json")
    assert code == 0, err
    sessions = {row["session_id"]: row for row in map(json.loads, out.splitlines())}
    assert sessions == {row["session_id"]: _expected(row) for row in TEST.to_pylist()}


def test_sessions_are_shown_as_text(run: Run, data: PreparedData) -> None:
    code, out, _ = run(f"--data={data.folder}", "--split=train", "--sessions=3")
    assert code == 0
    assert out.count("of spec small") == 3
    assert "behaviors, oldest first" in out and "candidates" in out and "session_id" in out


def test_a_session_is_found_by_its_id(run: Run, data: PreparedData) -> None:
    _, out, _ = run(f"--data={data.folder}", "--session_id=session-1005", "--json")
    assert [json.loads(line)["session_id"] for line in out.splitlines()] == ["session-1005"]
    code, _, err = run(f"--data={data.folder}", "--session_id=session-22")
    assert code == 1
    assert err.startswith("error: `--session_id` must be in the records read. Received")
    assert run(f"--data={data.folder}", "--session_id=session-22", "--split=train")[0] == 0


def test_one_shard_can_be_named(run: Run, data: PreparedData, tmp_path: Path) -> None:
    counts = []
    for shard in data.files("train"):
        _, out, _ = run(f"--data={shard}", "--sessions=99", "--json")
        counts.append(len(out.splitlines()))
    assert counts == [shard.sessions for shard in data.manifest.splits["train"].shards]
    folder = shutil.copytree(data.folder, tmp_path / "copy")
    (folder / "other").write_bytes(b"")
    assert "which the manifest" in run(f"--data={folder / 'other'}")[2]


def test_the_summary_describes_every_field(run: Run, data: PreparedData) -> None:
    _, out, _ = run(f"--data={data.folder}", "--split=train", "--summary", "--json")
    fields = {row["key"]: row for row in map(json.loads, out.splitlines())}
    assert set(fields) == {field.key for field in SPEC.fields}
    rows = TRAIN.to_pylist()
    hours = [row["hour"] for row in rows if row["hour"] is not None]
    assert fields["hour"]["missing"] == pytest.approx(1 - len(hours) / len(rows))
    assert fields["hour"]["distinct"] == len(set(hours))
    assert fields["hour"]["unknown"] == 0.0
    clicks = [one["click"] for row in rows for one in row["candidates"]]
    assert fields["labels_click"]["mean"] == pytest.approx(sum(clicks) / len(clicks))
    prices = [one["price"] for row in rows for one in row["candidates"]]
    known = [price for price in prices if price == price]
    assert fields["candidates_price"]["missing"] == pytest.approx(1 - len(known) / len(prices))
    assert fields["candidates_price"]["minimum"] == pytest.approx(min(known))
    assert fields["candidates_price"]["maximum"] == pytest.approx(max(known))
    topics = [one["topics"][:2] for row in rows for one in row["candidates"]]
    assert fields["candidates_topics"]["values"] == sum(map(len, topics))
    assert fields["candidates_topics"]["missing"] == sum(not one for one in topics) / len(topics)
    code, out, _ = run(f"--data={data.folder}", "--split=train", "--summary")
    assert code == 0
    assert all(field.key in out for field in SPEC.fields)


def test_the_summary_counts_global_labels_that_differ(run: Run, tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, global_window="day")
    source = list_source({"train": [crowded_sessions(spec, 43, 0)]})
    data = prepare(spec, source, tmp_path / "data", shards=2, global_label_noise=0.5)
    split = data.manifest.splits["train"]
    _, out, _ = run(f"--data={data.folder}", "--split=train", "--summary")
    for task, count in split.global_differing.items():
        share = f"({count / split.candidates:.1%})"
        line = f"{task}: the global label of {count} of {split.candidates} candidates {share} is"
        assert line in out
    assert "of the global labels, 50.0% are coins" in out
    _, out, _ = run(f"--data={data.folder}", "--split=train", "--sessions=99", "--json")
    documents = [json.loads(line) for line in out.splitlines()]
    labels = [one["click_global"] for row in documents for one in row["candidates"]]
    assert sum(labels) == split.global_positives["click"]
    _, out, _ = run(f"--data={data.folder}", "--split=train", "--summary", "--json")
    fields = {row["key"]: row for row in map(json.loads, out.splitlines())}
    assert fields["labels_click_global"]["mean"] == pytest.approx(sum(labels) / len(labels))


def test_the_summary_is_silent_without_global_labels(run: Run, data: PreparedData) -> None:
    assert "global" not in run(f"--data={data.folder}", "--split=train", "--summary")[1]


def test_values_the_vocabulary_lacks_are_counted(run: Run, data: PreparedData) -> None:
    _, out, _ = run(f"--data={data.folder}", "--summary", "--json")
    fields = {row["key"]: row for row in map(json.loads, out.splitlines())}
    text = (data.vocabulary_folder / "item.txt").read_text(encoding="utf-8")
    items = [one["item"] for row in TEST.to_pylist() for one in row["candidates"]]
    unknown = sum(item not in text.split("\n") for item in items)
    assert fields["candidates_item"]["unknown"] == pytest.approx(unknown / len(items))


def test_verify_says_whether_the_folder_is_sound(
    run: Run, data: PreparedData, tmp_path: Path
) -> None:
    code, out, _ = run(f"--data={data.folder}", "--verify")
    assert code == 0
    assert "30 sessions in 4 files are as they were written" in out
    folder = shutil.copytree(data.folder, tmp_path / "copy")
    shard = read_prepared(folder).files("train")[0]
    content = bytearray(shard.read_bytes())
    content[200] ^= 1
    shard.write_bytes(content)
    code, _, err = run(f"--data={folder}", "--verify")
    assert code == 1
    assert err.startswith(f"error: {shard} is damaged")
