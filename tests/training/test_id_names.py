import pytest

from ranking.features.spec import Table
from ranking.training.id_names import id_names


def _names(table, folder=None):
    name = id_names(table, folder)
    return [name(number) for number in range(table.rows + 1)]


def test_values_are_called_as_the_spec_lists_them():
    table = Table("grade", 2, "values", dtype="int64", values=(7, 11))
    assert _names(table) == ["unknown", "unknown", "7", "11", "unknown"]


def test_vocabularies_are_read_line_by_line(tmp_path):
    (tmp_path / "city.txt").write_text("Oslo\nA\u2028B\n東京\n", encoding="utf-8")
    table = Table("city", 2, "vocabulary", vocabulary="learned", size=3)
    assert _names(table, tmp_path)[2:] == ["Oslo", "A\u2028B", "東京", "unknown"]


def test_vocabularies_without_a_folder_are_called_by_number():
    table = Table("city", 2, "vocabulary", vocabulary="learned", size=2)
    assert _names(table)[2:] == ["city 0", "city 1", "unknown"]


def test_a_missing_vocabulary_is_an_error(tmp_path):
    table = Table("city", 2, "vocabulary", vocabulary="learned", size=2)
    with pytest.raises(FileNotFoundError, match="city.txt"):
        id_names(table, tmp_path)


def test_buckets_are_called_by_their_bounds():
    table = Table("price", 2, "bucketize", dtype="float32", bucketize=(5.0, 12.5))
    assert _names(table)[2:] == ["<5", "5-12.5", ">=12.5", "unknown"]


@pytest.mark.parametrize(
    ("bounds", "names"),
    [
        ((1.7e9, 1.7001e9, 1.7002e9), ["<1700000000", "1700000000-1700100000"]),
        ((0.1, 0.10000001, 0.2), ["<0.1", "0.1-0.10000001"]),
        ((-3.0, 0.0, 1e20), ["<-3", "-3-0"]),
    ],
)
def test_bounds_keep_the_digits_that_tell_them_apart(bounds, names):
    table = Table("price", 2, "bucketize", dtype="float32", bucketize=bounds)
    assert _names(table)[2:4] == names
    assert len(set(_names(table)[1:-1])) == 5


def test_a_value_called_unknown_is_not_the_unknown(tmp_path):
    table = Table("device", 2, "values", values=("phone", "unknown"))
    assert _names(table) == ["(unknown)", "(unknown)", "phone", "unknown", "(unknown)"]
    (tmp_path / "city.txt").write_text("unknown\n(unknown)\n", encoding="utf-8")
    table = Table("city", 2, "vocabulary", vocabulary="learned", size=2)
    assert _names(table, tmp_path)[1:4] == ["((unknown))", "unknown", "(unknown)"]


def test_whole_numbers_and_hash_buckets_are_called_by_number():
    hours = Table("hour", 2, "integer_ids", dtype="int64", integer_ids=2)
    assert _names(hours)[2:] == ["0", "1", "unknown"]
    terms = Table("term", 2, "hash_buckets", hash_buckets=2)
    assert _names(terms)[2:] == ["term 0", "term 1", "unknown"]
