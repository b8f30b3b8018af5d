import pyarrow as pa
import pytest

from ranking.sources.csv_columns import read_csv_columns
from ranking.sources.source_error import SourceError

TYPES = {"b": pa.int64(), "c": pa.large_string()}


def _write(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def _error(path):
    with pytest.raises(SourceError) as error:
        read_csv_columns(path, TYPES, nullable=["c"])
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_found_by_the_header_in_any_order(tmp_path, mark):
    path = _write(tmp_path, f'{mark}c,a,b\n"[1, 2]",x,3\n,y,4\n')
    read = read_csv_columns(path, TYPES, nullable=["c"])
    assert {name: array.to_pylist() for name, array in read.items()} == {
        "b": [3, 4],
        "c": ["[1, 2]", None],
    }
    assert all(isinstance(array, pa.Array) for array in read.values())


def test_a_header_alone_is_an_empty_table(tmp_path):
    read = read_csv_columns(_write(tmp_path, "b,c\n"), TYPES)
    assert [len(array) for array in read.values()] == [0, 0]
    assert read["b"].type == pa.int64()


def test_a_file_of_several_blocks_is_in_one_piece(tmp_path):
    lines = "".join(f"{number},{'x' * 50}\n" for number in range(60_000))
    read = read_csv_columns(_write(tmp_path, f"b,c\n{lines}"), TYPES)
    assert isinstance(read["c"], pa.Array) and read["b"].to_pylist() == list(range(60_000))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bb,c\n1,x\n", "Column `b` is missing in .*Did you mean `bb`"),
        ("", "Column `b` is missing"),
        ("a,b,c\n0,1,x\n0,1.5,x\n", "Column `b` of .* must be int64.*1.5"),
        ("b,c\n1,x\n,y\n", "Column `b` of .* must have a value in every row.*row 2"),
        ("b,c\n1,x,3\n", "must be a comma separated file.*Expected 2 columns, got 3"),
    ],
)
def test_errors_name_file_and_column(tmp_path, text, words):
    message = _error(_write(tmp_path, text))
    with pytest.raises(SourceError, match=words):
        raise SourceError(message)


def test_a_file_that_is_missing_or_binary_is_an_error(tmp_path):
    assert "There is no file" in _error(tmp_path / "none.csv")
    path = tmp_path / "binary.csv"
    path.write_bytes(b"b,\xff\xfe\n")
    assert "UTF-8" in _error(path)
