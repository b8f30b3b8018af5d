import numpy as np
import pyarrow as pa
import pytest

from ranking.sources.flat_lists import add_numbers, bounded_slices, lists, ranges, spans


def test_ranges_are_those_of_a_plain_loop():
    starts, lengths = np.array([7, 0, 3, 3]), np.array([2, 0, 5, 1])
    owners, numbers = ranges(starts, lengths)
    expected = [(i, s + k) for i, s in enumerate(starts) for k in range(lengths[i])]
    assert list(zip(owners, numbers, strict=True)) == expected


def test_spans_go_through_lists_in_the_order_asked_for():
    owners, at = spans(np.array([0, 2, 2, 5]), np.array([2, 0, 1, 2]))
    assert owners.tolist() == [0, 0, 0, 1, 1, 3, 3, 3]
    assert at.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]


def test_lists_and_numbers_become_arrow():
    rows = pa.StructArray.from_arrays([pa.array(["a", "b", "c"])], names=["item"])
    structs = add_numbers(rows, {"price": np.array([1, 2, 3])}, kind=pa.array([7, 8, 9]))
    read = lists(np.array([1, 0, 2]), structs)
    assert structs.type.field("price").type == pa.float32()
    assert [[entry["item"] for entry in row] for row in read.to_pylist()] == [["a"], [], ["b", "c"]]
    assert read.to_pylist()[2][1] == {"item": "c", "price": 3.0, "kind": 9}


@pytest.mark.parametrize("count", [0, 1, 97])
def test_slices_cover_every_row_once_and_stay_small(count):
    sizes = np.random.default_rng(3).integers(0, 11, count)
    parts = bounded_slices(sizes, 13)
    assert [row for part in parts for row in range(count)[part]] == list(range(count))
    assert all(sizes[part].sum() < 13 + 11 for part in parts)
