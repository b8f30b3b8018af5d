import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from ranking.features.encoder import Encoder
from ranking.features.preparation import prepare
from ranking.features.spec import SESSION, Field, Table
from ranking.sources.session_table import arrow_schema
from ranking.training import split_evaluation
from ranking.training.named_batches import named_batches
from ranking.training.run_folder import start_run
from ranking.training.session_file import SessionFile, SessionFileWriter
from ranking.training.split_evaluation import SplitEvaluation
from tests.helpers.list_source import list_source
from tests.helpers.small_runs import small_run
from tests.helpers.specs import shop_session, shop_spec

# Fields before and after the user have unknown ids of their own, some next to a user's.
_TABLES = {
    "city": Table("city", 2, "vocabulary", vocabulary="learned"),
    "hour": Table("hour", 2, "vocabulary", dtype="int64", vocabulary="learned"),
    "shop": Table("shop", 2, "hash_buckets", dtype="int64", hash_buckets=3),
    "user": Table("user", 2, "vocabulary", vocabulary="learned", min_count=2),
    "zone": Table("zone", 2, "vocabulary", vocabulary="learned"),
}
SESSIONS = 41


def _spec(user_type="string", **roles):
    spec = shop_spec(**{"session_id": "session_id", "user_id": "user_id", **roles})
    user = dataclasses.replace(_TABLES["user"], dtype=user_type)
    tables = {**spec.tables, **_TABLES, "user": user}
    fields = [
        *(field for field in spec.session if field.name != "user_id"),
        Field("city", SESSION, "id", "string", table="city", optional=True),
        Field("hour", SESSION, "id", "int64", table="hour", optional=True),
        Field("shop", SESSION, "id", "int64", table="shop"),
        Field("user_id", SESSION, "id", user_type, table="user", optional=True),
        Field("zone", SESSION, "id", "string", table="zone"),
    ]
    return dataclasses.replace(
        spec,
        tables=dict(sorted(tables.items())),
        session=tuple(sorted(fields, key=lambda field: field.name)),
    )


def _rows(users, chance, count=SESSIONS):
    return [
        shop_session(number, user=users[chance.integers(len(users))])
        | {
            "city": ["Oslo", "Ulm", "Åby", None][chance.integers(4)],
            "hour": [None, 3, 17, 23][chance.integers(4)],
            "shop": int(chance.integers(1, 4)),
            "zone": ["east", "north"][chance.integers(2)],
        }
        for number in range(count)
    ]


def _data(folder, spec, known, strangers):
    """Prepared data; in the test split there are users that the train split lacks, or has once."""
    rows = _rows(known, np.random.default_rng(1))
    rows[0]["user_id"] = strangers[0]
    for number, row in enumerate(rows):
        row |= {"session_id": f"train-{number}", "city": "Oslo", "hour": 3, "zone": "east"}
    test = _rows([*known, *strangers, None], np.random.default_rng(2))
    batches = {
        split: [pa.RecordBatch.from_pylist(each, schema=arrow_schema(spec))]
        for split, each in (("train", rows), ("test", test))
    }
    return prepare(spec, list_source(batches), folder, shards=2), test


@pytest.mark.parametrize(
    ("known", "strangers"),
    [(["ada", "bob"], ["Zoë", "eve", "ian"]), ([7, 11], [-(2**62), 5, 2**62])],
    ids=["text", "numbers"],
)
def test_users_that_no_vocabulary_holds_keep_their_own_names(
    tmp_path, monkeypatch, known, strangers
):
    spec = _spec("string" if isinstance(known[0], str) else "int64")
    data, rows = _data(tmp_path / "data", spec, known, strangers)
    run = dataclasses.replace(small_run(tmp_path / "run", data), spec=data.spec)
    start_run(run, data)
    monkeypatch.setattr(split_evaluation, "_SESSIONS_PER_BATCH", 7)  # the last batch is padded
    path = tmp_path / "sessions.parquet"
    with SessionFileWriter(path, {}) as writer:
        SplitEvaluation(run, data, "test")(
            lambda batch: {"click": np.zeros(batch["labels_click"].shape)}, writer
        )
    sessions = SessionFile(path)
    found = dict(zip(sessions.column("session_id"), sessions.column("user_id"), strict=True))
    users = [row["user_id"] for row in rows]
    assert found == {
        f"s{number}": "unknown" if user is None else str(user) for number, user in enumerate(users)
    }
    assert {*known, *strangers, None} == set(users)


@pytest.mark.parametrize("name", ["user_id", "hour", "zone"])
def test_texts_are_those_of_the_unknown_ids(tmp_path, name):
    data, rows = _data(tmp_path, _spec(user_id=name), ["ada", "bob"], ["eve"])
    known = {"user_id": {"ada", "bob"}, "hour": {3}, "zone": {"east"}}[name]
    batch = _batch(data)
    sessions = [int(text[1:]) for text in batch["session_id"].numpy()]
    values = [rows[number][name] for number in sessions]
    assert [text.decode() for text in batch[f"{name}/unknown"].numpy()] == [
        "" if value is None or value in known else str(value) for value in values
    ]
    assert [key for key in batch if key.endswith("unknown")] == [f"{name}/unknown"]


@pytest.mark.parametrize("name", ["session_id", "shop"], ids=["metadata", "hash buckets"])
def test_what_is_no_row_number_needs_no_text(tmp_path, name):
    data, _ = _data(tmp_path, _spec(user_id=name), ["ada", "bob"], ["eve"])
    assert not [key for key in _batch(data) if key.endswith("unknown")]


def _batch(data):
    encoder = Encoder(data.spec, data.vocabulary_folder)
    return next(iter(named_batches(data, encoder, split="test", sessions_per_batch=SESSIONS)))
