import numpy as np
import pytest

from ranking.metrics.group_rows import GroupRows, with_rows


def test_a_group_keeps_its_row():
    rows = GroupRows()
    assert rows.of_sessions({"city": [7, 3, 7], "age": [0, 0, 1]}, 3).tolist() == [
        [0, 1, 3],
        [0, 2, 3],
        [0, 1, 4],
    ]
    assert rows.of_sessions({"city": [1000, 3], "age": [2, 1]}, 2).tolist() == [
        [0, 5, 6],
        [0, 2, 4],
    ]
    assert rows.by_dimension() == {"city": {3: 2, 7: 1, 1000: 5}, "age": {0: 3, 1: 4, 2: 6}}
    assert len(rows) == 7


def test_without_dimensions_there_is_the_group_of_everything():
    rows = GroupRows()
    assert rows.of_sessions({}, 3).tolist() == [[0], [0], [0]]
    assert len(rows) == 1 and rows.by_dimension() == {}


def test_no_sessions_have_no_rows():
    rows = GroupRows()
    assert rows.of_sessions({"city": np.zeros(0)}, 0).shape == (0, 2)
    assert rows.by_dimension() == {"city": {}}


@pytest.mark.parametrize("codes", [[1, 2], [0.0, 1.0, 2.0], [0, -1, 2], [[0, 1, 2]]])
def test_codes_are_one_whole_number_per_session(codes):
    with pytest.raises(ValueError, match="`city` must be 3 whole numbers from 0, one per session"):
        GroupRows().of_sessions({"city": codes}, 3)


def test_a_table_grows_by_zeros_and_seldom():
    table = np.arange(6).reshape(3, 2)
    assert with_rows(table, 3) is table
    grown = with_rows(table, 4)
    assert grown.tolist() == [[0, 1], [2, 3], [4, 5], [0, 0], [0, 0], [0, 0]]
    assert with_rows(table, 11).shape == (11, 2)
