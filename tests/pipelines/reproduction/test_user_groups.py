import numpy as np
import pytest

from pipelines.reproduction.user_groups import user_groups
from tests.helpers.gate_sessions import gate_sessions

ITEM, CATEGORY = "target_item_in_history", "target_category_in_history"
HISTORY = np.array([0, 3, 1, 0, 8])
NOBODY = np.zeros(5, dtype=bool)


def _groups(tmp_path, **columns):
    return user_groups(gate_sessions(tmp_path / "s.parquet", {"history": HISTORY, **columns}))


def test_old_users_are_told_apart_by_the_target_item(tmp_path):
    item, category = HISTORY == 8, HISTORY > 0
    groups = _groups(tmp_path, **{ITEM: item, CATEGORY: category})
    assert groups.target == "item"
    np.testing.assert_array_equal(groups.codes, [0, 2, 2, 0, 1])
    assert groups.sizes == {
        "new users": 2,
        "old users with target item": 1,
        "old users without target item": 2,
    }


@pytest.mark.parametrize("columns", [{ITEM: NOBODY}, {}])
def test_the_category_takes_the_place_of_items_that_nobody_repeats(tmp_path, columns):
    groups = _groups(tmp_path, **columns, **{CATEGORY: HISTORY == 1})
    assert groups.target == "category"
    np.testing.assert_array_equal(groups.codes, [0, 2, 1, 0, 2])
    assert "old users without target category" in groups.sizes


@pytest.mark.parametrize("columns", [{ITEM: NOBODY, CATEGORY: NOBODY}, {CATEGORY: NOBODY}, {}])
def test_without_any_target_old_users_are_one_group(tmp_path, columns):
    groups = _groups(tmp_path, **columns)
    assert groups.target == "none"
    np.testing.assert_array_equal(groups.codes, [0, 1, 1, 0, 1])
    assert groups.sizes == {"new users": 2, "old users": 3}


def test_a_new_user_has_no_target(tmp_path):
    groups = _groups(tmp_path, **{ITEM: HISTORY == 0, CATEGORY: HISTORY == 3})
    assert groups.target == "category"
    np.testing.assert_array_equal(groups.codes, [0, 1, 2, 0, 2])


def test_a_group_without_a_session_has_size_0(tmp_path):
    sessions = gate_sessions(
        tmp_path / "s.parquet", {"history": np.array([2, 5]), ITEM: np.array([True, True])}
    )
    assert list(user_groups(sessions).sizes.values()) == [0, 2, 0]
