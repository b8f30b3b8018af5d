"""Training and serving see the same numbers: field by field, bit by bit."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from ranking.export.loaded_model import LoadedModel
from ranking.features.dataset import evaluation_batches, training_batches
from ranking.features.encoder import Encoder
from ranking.features.inputs import raw_signature
from ranking.features.preparation import prepare
from ranking.features.prepared_data import PreparedData
from ranking.features.spec import (
    BEHAVIORS,
    CANDIDATES,
    SECTIONS,
    SESSION,
    UNKNOWN_ID,
    Field,
)
from tests.helpers.encoding_oracle import raw_request
from tests.helpers.list_source import list_source
from tests.helpers.small_spec import small_sessions, small_spec

pytestmark = pytest.mark.slow

SPEC = small_spec()
SESSIONS = 41
UNSEEN = {"string": "nirgends gesehen \N{OCTAGONAL SIGN}", "int64": 987_654_321}
Rows = list[dict[str, Any]]
Tensors = dict[str, np.ndarray]


def _unusual_sessions() -> Rows:
    """Random sessions, of which every third holds values that no vocabulary has, and some of which
    are full: more behaviors, ids and words than the spec keeps."""
    rows = small_sessions(SPEC, SESSIONS, seed=23).to_pylist()
    for number, row in enumerate(rows):
        if number % 3 == 0:
            _make_unknown(row)
    rows[5]["behaviors"] = rows[5]["behaviors"][:1] * (SPEC.behaviors_max_length + 7)
    return rows


def _make_unknown(row: dict[str, Any]) -> None:
    for field in SPEC.session:
        if _may_be_unknown(field):
            row[field.name] = _unseen(field)
    for section in (BEHAVIORS, CANDIDATES):
        for element in row[section][:1]:
            for field in SPEC.section(section):
                if _may_be_unknown(field):
                    element[field.name] = _unseen(field)


def _may_be_unknown(field: Field) -> bool:
    """Whether preparation takes a value that the field's table does not know."""
    if field.table is None:
        return False
    return SPEC.table_of(field).kind not in ("integer_ids", "bucketize")


def _unseen(field: Field) -> Any:
    value = UNSEEN[field.dtype]
    if field.kind == "ids":
        return [value] * ((field.max_length or 0) + 2)
    return " ".join([str(value)] * 4) if field.kind == "text" else value


@pytest.fixture(scope="module")
def rows() -> Rows:
    return _unusual_sessions()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> PreparedData:
    """Vocabularies are learned from usual sessions; the unusual ones are the test split."""
    usual = small_sessions(SPEC, 61, seed=29)
    batches = {"train": [usual], "test": [pa.RecordBatch.from_pylist(rows, schema=usual.schema)]}
    folder = tmp_path_factory.mktemp("prepared") / "data"
    return prepare(SPEC, list_source(batches), folder, shards=1)


@pytest.fixture(scope="module")
def encoder(data: PreparedData) -> Encoder:
    return Encoder(data.spec, data.vocabulary_folder)


@pytest.fixture(scope="module")
def served(
    encoder: Encoder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Tensors], Tensors]]:
    """The encoder alone as a SavedModel, in the loader that a server uses."""
    archive = keras.export.ExportArchive()
    for table in encoder.lookup_tables:
        archive.track(table)
    inputs = raw_signature(encoder.spec, (SESSION, BEHAVIORS, CANDIDATES))
    archive.add_endpoint("serving_default", encoder, [inputs])
    folder = tmp_path_factory.mktemp("encoder")
    archive.write_out(str(folder), verbose=False)
    model = LoadedModel(folder)
    yield lambda request: model("serving_default", request)
    model.close()


def _trained_on(data: PreparedData, encoder: Encoder) -> Tensors:
    batches = training_batches(
        data,
        encoder,
        split="test",
        sessions_per_batch=SESSIONS,
        replicas=1,
        seed=3,
        epoch=0,
        skip_batches=0,
        label="click",
        negatives_per_positive=None,
        pad_to_max=False,
    )
    return next(batches.as_numpy_iterator())


def _evaluated_on(data: PreparedData, encoder: Encoder) -> Tensors:
    batches = evaluation_batches(
        data, encoder, split="test", sessions_per_batch=SESSIONS, replicas=1
    )
    return next(batches.as_numpy_iterator())


@pytest.mark.parametrize("batch_of", [_trained_on, _evaluated_on])
def test_every_field_is_encoded_in_serving_as_in_training(
    data: PreparedData,
    encoder: Encoder,
    served: Callable[[Tensors], Tensors],
    rows: Rows,
    batch_of: Callable[[PreparedData, Encoder], Tensors],
) -> None:
    batch = batch_of(data, encoder)
    by_id = {row["session_id"]: row for row in rows}
    ordered = [by_id[name.decode()] for name in batch["session_id"]]
    assert len({row["session_id"] for row in ordered}) == SESSIONS
    encoded = served(raw_request(data.spec, ordered))
    walked = set()
    for field in data.spec.fields:
        if field.is_input:
            for key in (field.key, field.length_key) if field.is_multivalued else (field.key,):
                walked.add(key)
                assert batch[key].dtype == encoded[key].dtype, key
                np.testing.assert_array_equal(encoded[key], batch[key], err_msg=key, strict=True)
            _check_is_unusual(data, field, batch, ordered)
    for section in (BEHAVIORS, CANDIDATES):
        key = f"{section}_length"
        walked.add(key)
        np.testing.assert_array_equal(encoded[key], batch[key], err_msg=key, strict=True)
    assert walked == set(encoded)
    assert (batch["behaviors_length"] == 0).any()
    assert (batch["behaviors_length"] == SPEC.behaviors_max_length).any()


def _check_is_unusual(data: PreparedData, field: Field, batch: Tensors, rows: Rows) -> None:
    """Whether the sessions held what the comparison of a field is about."""
    elements = rows if field.section == SESSION else [e for r in rows for e in r[field.section]]
    values = [element[field.name] for element in elements]
    if field.optional:
        assert None in values, f"{field.key} is never missing"
    if field.table is not None:
        if data.spec.table_of(field).kind not in ("hash_buckets", "bucketize"):
            assert (batch[field.key] == UNKNOWN_ID).any(), f"{field.key} is never unknown"
        assert (batch[field.key] > UNKNOWN_ID).any(), field.key
    if field.is_multivalued:
        sizes = [len(v.split() if isinstance(v, str) else v or ()) for v in values]
        assert 0 in sizes and max(sizes) > (field.max_length or 0), field.key
    if field.dtype == "string" and field.name != "action":  # Whose values the spec lists.
        assert any(not str(value).isascii() for value in values), field.key


def test_the_spec_has_every_kind_of_field_table_and_transform() -> None:
    fields = [field for section in SECTIONS for field in SPEC.section(section)]
    kinds = {(field.section, field.kind) for field in fields if field.is_input}
    assert {kind for _, kind in kinds} == {"id", "ids", "text", "dense"}
    tables = {SPEC.table_of(field).kind for field in fields if field.table}
    assert tables == {"values", "vocabulary", "hash_buckets", "integer_ids", "bucketize"}
    assert {step.name for field in fields for step in field.transforms} == {
        "log1p",
        "clip",
        "standardize",
    }
