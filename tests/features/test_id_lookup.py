import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from ranking.features.id_lookup import IdLookup
from tests.helpers.encoding_oracle import encoded_id
from tests.helpers.resolved_small_spec import resolved_small_spec

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
