import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from ranking.features.id_lookup import IdLookup
from ranking.features.spec import Table
from tests.helpers.encoding_oracle import encoded_id
from tests.helpers.resolved_small_spec import resolved_small_spec

_TYPES = ("int64", "string")
VALUES = {
    "item": ["item-4", "söt-日本", "item-5", "", "Item-4", "ünïcode"],
    "shop": [101, 106, 102, -1, 0],
    "action": ["order", "click", "", "ORDER"],
    "grade": [7, 13, 8, -1],
    "term": ["red", "", "日本", "-1", " "],
    "seller": [1 << 40, -3, -1, 0, 7],
    "hour": [0, 23, 24, -1, 1 << 40, -(1 << 62)],
    "price_level": [4.99, 5.0, 20.0, 50.0, 1e30, -math.inf, math.inf, math.nan, 5.01],
}


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_table_looks_up_like_the_oracle(name, tmp_path):
    table = resolved_small_spec(tmp_path).tables[name]
    lookup = IdLookup(table, tmp_path)
    expected = [encoded_id(table, value) for value in VALUES[name]]
    for values, ids in ((VALUES[name], expected), ([VALUES[name]], [expected]), ([], [])):
        found = lookup(tf.constant(values, table.dtype))
        assert found.dtype == tf.int32
        np.testing.assert_array_equal(found, ids)
    assert max(expected) < table.rows and 0 not in expected


def test_hash_buckets_are_those_that_tensorflow_documents(tmp_path):
    table = Table("term", 2, "hash_buckets", hash_buckets=3)
    found = IdLookup(table, tmp_path)(tf.constant(["Hello", "TensorFlow", "2.x"]))
    assert found.numpy().tolist() == [2 + 0, 2 + 2, 2 + 2]  # The example of to_hash_bucket_fast.


def test_whole_numbers_are_hashed_as_they_are_written(tmp_path):
    numbers, texts = (Table("x", 2, "hash_buckets", dtype, hash_buckets=997) for dtype in _TYPES)
    values = np.arange(-500, 500) * 12_345_678_901
    found = IdLookup(numbers, tmp_path)(tf.constant(values))
    assert found.numpy().tolist() == IdLookup(texts, tmp_path)(values.astype(str)).numpy().tolist()


def test_values_spread_over_all_hash_buckets(tmp_path):
    table = Table("item", 2, "hash_buckets", hash_buckets=100)
    values = [f"item-{number}" for number in range(10_000)]
    rows = np.bincount(IdLookup(table, tmp_path)(tf.constant(values)), minlength=table.rows)
    assert rows[:2].tolist() == [0, 0] and len(rows) == table.rows
    # Chi-square with 99 degrees of freedom: above 168 once in 50,000 sets of values.
    assert ((rows[2:] - 100) ** 2 / 100).sum() < 168


def test_a_line_is_a_value_whatever_is_in_it(tmp_path):
    table = dataclasses.replace(
        resolved_small_spec(tmp_path).tables["action"],
        name="item",
        kind="vocabulary",
        values=(),
        vocabulary="learned",
        size=3,
    )
    (tmp_path / "item.txt").write_text("a b\nc\td\n e\n")
    found = IdLookup(table, tmp_path)(tf.constant(["a b", "c\td", " e", "e", "a"]))
    assert found.numpy().tolist() == [2, 3, 4, 1, 1]
