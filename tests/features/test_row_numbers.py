import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from ranking.features.id_lookup import IdLookup
from ranking.features.row_numbers import RowNumbers, read_row_numbers
from ranking.features.spec import FeatureSpec
from tests.helpers.resolved_small_spec import resolved_small_spec

VALUES = {
    "item": ["item-4", "söt-日本", "item-0", "", "item-1", " ", "item-4", "item-22"],
    "shop": [101, 106, -1, 104, 103, -7, 2**62, 101],
    "grade": [7, 13, 11, -1, 12, 0],
    "hour": [0, 23, -1, 24, 5, -9],
    "action": ["order", "click", "", "wish"],
}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> tuple[FeatureSpec, Path]:
    folder = tmp_path_factory.mktemp("vocabularies")
    return resolved_small_spec(folder), folder


@pytest.mark.parametrize("name", VALUES)
def test_numbers_are_the_rows_that_a_lookup_gives(
    spec: tuple[FeatureSpec, Path], name: str
) -> None:
    table = spec[0].tables[name]
    numbers = RowNumbers(table, spec[1]).numbers(pa.array(VALUES[name]))
    rows = IdLookup(table, spec[1])(tf.constant(VALUES[name], table.dtype)).numpy()
    assert np.maximum(numbers, 1).tolist() == rows.tolist()
    missing = "" if table.dtype == "string" else -1
    assert (numbers == 0).tolist() == [value == missing for value in VALUES[name]]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("count", [0, 1, None])
def test_values_come_back_as_they_were(
    spec: tuple[FeatureSpec, Path], name: str, count: int | None
) -> None:
    rows = RowNumbers(spec[0].tables[name], spec[1])
    column = pa.array(VALUES[name]).slice(0, count)
    numbers = rows.numbers(column)
    unknown = column.filter(pa.array(numbers == 1)).cast(pa.string())
    assert rows.values(numbers, unknown).to_pylist() == VALUES[name][:count]


def test_a_table_that_lists_minus_one_knows_it(spec: tuple[FeatureSpec, Path]) -> None:
    table = dataclasses.replace(spec[0].tables["grade"], values=(5, -1))
    numbers = RowNumbers(table, spec[1]).numbers(pa.array([-1, 5, 0]))
    assert numbers.tolist() == [3, 2, 1]


def test_a_missing_text_is_an_error(spec: tuple[FeatureSpec, Path]) -> None:
    rows = RowNumbers(spec[0].tables["item"], spec[1])
    with pytest.raises(ValueError, match="Received: 1 for 2 ids"):
        rows.values(np.array([1, 0, 1]), pa.array(["only one"]))


def test_tables_without_known_rows_have_no_numbers(spec: tuple[FeatureSpec, Path]) -> None:
    names = {"item", "topic", "city", "shop", "action", "grade", "hour"}
    assert set(read_row_numbers(*spec)) == names


def test_another_vocabulary_is_refused(spec: tuple[FeatureSpec, Path], tmp_path: Path) -> None:
    table = spec[0].tables["item"]
    with pytest.raises(ValueError, match="which has no such file"):
        RowNumbers(table, tmp_path)
    (tmp_path / "item.txt").write_text("other\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has checksum"):
        RowNumbers(table, tmp_path)
