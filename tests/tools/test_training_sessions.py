import numpy as np
import pyarrow.parquet as pq
import pytest

from ranking.features.record_values import RecordValues
from ranking.features.session_stream import records_in_order
from tools.training_measure import BenchSizes
from tools.training_sessions import BenchRecords

B, C, T = 11, 5, 7
SIZES = BenchSizes(
    impressions=10,
    batch_parts=1,
    candidates=C,
    behaviors=T,
    long_behaviors=13,
    table_rows=17,
    large_tables=(),
    sessions=B,
    repetitions=2,
    steps=1,
    seed=3,
)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return BenchRecords(SIZES, tmp_path_factory.mktemp("records"))


def test_parquet_holds_sessions_of_one_size(records):
    for split in ("train", "test"):
        table = pq.read_table(records.parquet / f"{split}.parquet")
        assert table.num_rows == B
        assert table["behaviors"].combine_chunks().value_lengths().to_pylist() == [T] * B
        assert table["candidates"].combine_chunks().value_lengths().to_pylist() == [C] * B


def test_records_of_sessions_are_prepared_from_them(records):
    data = records.sessions
    split = data.manifest.splits["train"]
    assert (split.sessions, split.candidates, split.behaviors) == (B, B * C, B * T)
    assert data.manifest.simulated is False  # What a user's Parquet holds is not known to be.
    assert data.spec.tables["item"].rows <= 2 + SIZES.table_rows


def test_flat_rows_are_impressions_of_the_same_sessions(records):
    split = records.impressions.manifest.splits["train"]
    assert (split.sessions, split.candidates, split.behaviors) == (B, B, B * T)
    sessions, rows = _raw(records.sessions), _raw(records.impressions)
    keys = ("candidates_item", "candidates_price", "labels_click")
    shown = {}
    for row in range(B):
        of = row // C  # Both are in the order of their ids.
        assert np.array_equal(rows["behaviors_item"][row], sessions["behaviors_item"][of])
        shown.setdefault(of, []).append(tuple(rows[key][row, 0] for key in keys))
    assert sorted(map(len, shown.values())) == [1, C, C]
    for of, impressions in shown.items():
        there = list(zip(*(sessions[key][of] for key in keys), strict=True))
        assert set(impressions) <= set(there)
        assert len(impressions) == 1 or sorted(impressions) == sorted(there)


def _raw(data):
    """Raw values of the train split, by session and place."""
    values = RecordValues(data.spec, data.vocabulary_folder)
    batch = next(iter(records_in_order(data.files("train")).batch(100)))
    raw = {key: value.numpy() for key, value in values.raw_batch(batch).items()}
    order = np.argsort(raw["session_id"], kind="stable")
    return {key: value[order] for key, value in raw.items()}
