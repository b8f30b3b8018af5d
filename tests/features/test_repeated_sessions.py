"""A session that comes back is an error, wherever both are and whoever passes over them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ranking.features import encoding_pool
from ranking.features.local_passes import LocalPasses
from ranking.features.preparation import prepare
from ranking.features.preparation_passes import PreparationPasses
from ranking.features.validation import RecordError
from ranking.sources.session_source import SessionSource
from tests.helpers.list_source import list_source
from tests.helpers.small_spec import sessions_schema, small_sessions, small_spec

SPEC = small_spec()
SIZES = {"train": 13, "validation": 5, "test": 7}

Change = Callable[[dict[str, list[dict[str, Any]]]], None]


def _source(change: Change) -> SessionSource:
    rows = {
        split: small_sessions(SPEC, size, seed).to_pylist()
        for seed, (split, size) in enumerate(SIZES.items())
    }
    change(rows)
    schema = sessions_schema(SPEC)
    batches = {name: pa.RecordBatch.from_pylist(some, schema=schema) for name, some in rows.items()}
    return list_source({name: [one.slice(0, 3), one.slice(3)] for name, one in batches.items()})


def _same_id(*places: tuple[str, int]) -> Change:
    def change(rows: dict[str, list[dict[str, Any]]]) -> None:
        for split, number in places:
            rows[split][number]["session_id"] = "again"

    return change


def _passes() -> list[Callable[[], PreparationPasses]]:
    try:
        from pipelines.beam_passes import BeamPasses
    except ImportError:
        return [LocalPasses]
    return [LocalPasses, BeamPasses]


@pytest.mark.parametrize("passes", _passes())
@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([("train", 2), ("train", 11)], "logs/train, session 11 .* that of logs/train, session 2"),
        ([("train", 4), ("test", 6)], "logs/test, session 6 .* that of logs/train, session 4"),
        (
            [("validation", 0), ("test", 0), ("test", 1)],
            "logs/test, session 0 .* that of logs/validation, session 0",
        ),
    ],
)
def test_a_session_that_comes_back_is_an_error(
    passes: Callable[[], PreparationPasses],
    places: list[tuple[str, int]],
    message: str,
    tmp_path: Path,
) -> None:
    pattern = message.replace(" .* ", r" \(session_id 'again'\): `session_id` must not .*: ")
    source, options = _source(_same_id(*places)), {"source_name": "logs", "passes": passes()}
    with pytest.raises(RecordError, match=f"^{pattern}\\. Leave one of the two out"):
        prepare(SPEC, source, tmp_path / "data", **options)
    assert list(tmp_path.iterdir()) == []


def test_sessions_whose_id_is_missing_are_not_the_same(tmp_path: Path) -> None:
    def change(rows: dict[str, list[dict[str, Any]]]) -> None:
        for number in range(4):
            rows["train"][number]["session_id"] = ""

    data = prepare(SPEC, _source(change), tmp_path / "data")
    assert data.manifest.splits["train"].sessions == SIZES["train"]


def test_ids_with_the_same_hash_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collide(spec: object, sections: Any) -> Any:
        return np.full(len(sections["session"].lengths), 7, np.uint64)

    monkeypatch.setattr(encoding_pool, "session_keys", collide)
    prepare(SPEC, _source(lambda rows: None), tmp_path / "data")
    with pytest.raises(RecordError, match="logs/test, session 0 .* that of logs/validation"):
        change = _same_id(("validation", 4), ("test", 0))
        prepare(SPEC, _source(change), tmp_path / "other", source_name="logs")
