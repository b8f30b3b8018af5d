import math
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ranking.features.encoder import Encoder
from ranking.features.inputs import example_request, raw_signature
from ranking.features.record_encoding import RecordEncoder
from ranking.features.records import parse_records
from ranking.features.spec import BEHAVIORS, CANDIDATES, SESSION, FeatureSpec
from tests.helpers.encoding_oracle import check_encoded, raw_request
from tests.helpers.resolved_small_spec import resolved_small_spec
from tests.helpers.small_spec import small_sessions, small_spec

INPUTS = (SESSION, BEHAVIORS, CANDIDATES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vocabularies")


@pytest.fixture(scope="module")
def spec(folder: Path) -> FeatureSpec:
    return resolved_small_spec(folder)


@pytest.fixture(scope="module")
def encoder(spec: FeatureSpec, folder: Path) -> Encoder:
    return Encoder(spec, folder)


@pytest.fixture(scope="module")
def sessions(spec: FeatureSpec) -> list[dict[str, Any]]:
    return small_sessions(spec, 29, seed=3).to_pylist()


@pytest.fixture(scope="module")
def serving(encoder: Encoder, spec: FeatureSpec) -> Any:
    """The encoder as a server calls it, all dimensions unknown."""
    return tf.function(encoder, input_signature=[raw_signature(spec, INPUTS)], autograph=False)


def encode(encoder: Any, raw: dict[str, Any]) -> dict[str, np.ndarray]:
    tensors = {key: tf.convert_to_tensor(value) for key, value in raw.items()}
    return {key: value.numpy() for key, value in encoder(tensors).items()}


def test_records_are_encoded_like_the_oracle(spec, folder, encoder, sessions):
    @tf.autograph.experimental.do_not_convert
    def encode_records(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return encoder.encode_records(parse_records(spec, serialized))

    written = RecordEncoder(spec, folder).encode_batch(small_sessions(spec, 29, seed=3))
    records = tf.data.Dataset.from_tensors(written)
    batch = next(iter(records.map(encode_records)))
    check_encoded(spec, sessions, {key: value.numpy() for key, value in batch.items()})
    assert batch["labels_click"].shape == batch["candidates_item"].shape
    assert batch["session_id"][2] == b"session-3002"


@pytest.mark.parametrize("garbage", [False, True])
@pytest.mark.parametrize("extra", [0, 3])
def test_requests_are_encoded_like_the_oracle(spec, serving, sessions, extra, garbage):
    raw = raw_request(spec, sessions, extra=extra, garbage=garbage)
    check_encoded(spec, sessions, encode(serving, raw))


def test_sections_are_encoded_alone(spec, encoder, serving, sessions):
    raw = raw_request(spec, sessions)
    whole = encode(serving, raw)
    for sections in ((SESSION, BEHAVIORS), (CANDIDATES,)):
        keys = raw_signature(spec, sections)
        part = encode(encoder, {key: raw[key] for key in keys})
        assert set(part) >= set(keys)
        for key, value in part.items():
            np.testing.assert_array_equal(value, whole[key], err_msg=key)


def test_rows_do_not_depend_on_each_other(spec, serving, sessions):
    together = encode(serving, raw_request(spec, sessions[:5]))
    for row, session in enumerate(sessions[:5]):
        alone = encode(serving, raw_request(spec, [session]))
        for key, value in alone.items():
            inside = together[key][row][tuple(slice(size) for size in value.shape[1:])]
            # The last bit of a logarithm depends on its place in the vector registers.
            np.testing.assert_allclose(inside, value[0], rtol=1e-6, err_msg=key)


def test_sections_of_no_width_are_encoded(spec, encoder, serving):
    raw = example_request(spec, INPUTS, behaviors=0, candidates=0)
    for encode_one in (encoder, serving):
        encoded = encode(encode_one, raw)
        assert encoded["behaviors_item"].shape == (1, 0)
        assert encoded["behaviors_topics"].shape == (1, 0, 1)
        assert encoded["candidates_title"].shape == (1, 0, 4)
        assert encoded["candidates_length"].tolist() == [0]


def test_lengths_beyond_the_width_are_cut_to_it(spec, encoder):
    raw = example_request(spec, INPUTS, behaviors=2, candidates=3)
    raw["behaviors_length"] = np.array([99], np.int32)
    raw["candidates_length"] = np.array([-5], np.int32)
    raw["interests_length"] = np.array([99], np.int32)
    encoded = encode(encoder, raw)
    assert encoded["behaviors_length"].tolist() == [2]
    assert encoded["candidates_length"].tolist() == [0]
    assert encoded["interests_length"].tolist() == [1]
    assert not encoded["candidates_item"].any()


def test_a_missing_number_without_default_stays_visible(spec, encoder):
    raw = example_request(spec, INPUTS)
    raw["candidates_popularity"][0, 1] = math.nan
    raw["candidates_price"][0, 1] = math.nan
    encoded = encode(encoder, raw)
    assert np.isnan(encoded["candidates_popularity"]).tolist() == [[False, True, False]]
    assert encoded["candidates_price"][0, 1] == encoded["candidates_price"][0, 0]


@pytest.mark.slow
def test_a_saved_model_brings_its_vocabularies(spec, tmp_path, sessions):
    vocabularies = tmp_path / "vocabularies"
    vocabularies.mkdir()
    resolved_small_spec(vocabularies)
    encoder = Encoder(spec, vocabularies)
    archive = keras.export.ExportArchive()
    for table in encoder.lookup_tables:
        archive.track(table)
    archive.add_endpoint("serving_default", encoder, [raw_signature(spec, INPUTS)])
    archive.write_out(str(tmp_path / "export"), verbose=False)
    shutil.rmtree(vocabularies)
    loaded = tf.saved_model.load(str(tmp_path / "export")).signatures["serving_default"]
    encoded = encode(lambda raw: loaded(**raw), raw_request(spec, sessions, garbage=True))
    check_encoded(spec, sessions, encoded)


def test_a_spec_that_is_not_resolved_is_refused(folder):
    with pytest.raises(ValueError, match="`spec` must be resolved: spec `small`.*Prepare data"):
        Encoder(small_spec(), folder)


def test_a_vocabulary_of_another_spec_is_refused(spec, tmp_path):
    resolved_small_spec(tmp_path)
    (tmp_path / "topic.txt").write_text("shoes\n")
    with pytest.raises(ValueError, match="topic.txt must be the vocabulary.*checksum"):
        Encoder(spec, tmp_path)
    (tmp_path / "topic.txt").unlink()
    with pytest.raises(ValueError, match="must hold topic.txt, the vocabulary of table `topic`"):
        Encoder(spec, tmp_path)


def test_a_raw_batch_that_does_not_fit_is_refused(spec, encoder):
    raw = example_request(spec, INPUTS)
    with pytest.raises(ValueError, match="`candidates_itme`. Did you mean `candidates_item`"):
        encoder(raw | {"candidates_itme": raw["candidates_item"]})
    with pytest.raises(ValueError, match="must have `interests_length`"):
        encoder({key: value for key, value in raw.items() if key != "interests_length"})
    with pytest.raises(ValueError, match="must have `behaviors_length`"):
        encoder({key: value for key, value in raw.items() if key != "behaviors_length"})
    with pytest.raises(ValueError, match="`hour` of a raw batch must be int64"):
        encoder(raw | {"hour": tf.constant([1.0])})
