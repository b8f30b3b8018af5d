import pytest

from ranking.sources.amazon_search_files import read_searched_purchases
from ranking.sources.source_error import SourceError
from tests.helpers.searched_purchases import (
    made_up_purchases,
    queries_of,
    write_gzip,
    write_purchases,
)

GOOD = ["a_0 0 x 1 ", "a_1 0 x 1 ", "b_c_1 0 y 1 "]


def _write(folder, lines=GOOD, texts=("lamp", "lamp desk")):
    write_gzip(folder / "query_text.txt.gz", texts)
    write_gzip(folder / "train.qrels.gz", lines)
    return folder


def _error(folder):
    with pytest.raises(SourceError) as error:
        read_searched_purchases(folder)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_purchases_and_queries_are_those_of_the_files(tmp_path):
    purchases = made_up_purchases()
    write_purchases(tmp_path, purchases)
    read = read_searched_purchases(tmp_path)
    sequences = read.purchases
    assert list(sequences.users) == list(purchases)
    for user, name in enumerate(sequences.users):
        own = sequences.sequence[sequences.offsets[user] : sequences.offsets[user + 1]]
        assert [sequences.items[item] for item in own] == purchases[name]
    for item, name in enumerate(sequences.items):
        own = read.queries[read.offsets[item] : read.offsets[item + 1]]
        assert own.tolist() == sorted(queries_of(name))
    assert read.bought.sequence.tolist() == sequences.sequence.tolist()


def test_what_the_publisher_held_out_only_adds_to_what_was_bought(tmp_path):
    write_purchases(tmp_path, {"u": ["i1", "i2"], "v": ["i3"]}, {"u": ["i3", "i9"], "w": ["i1"]})
    read = read_searched_purchases(tmp_path)
    names = [read.bought.items[item] for item in read.bought.sequence]
    assert names == ["i1", "i2", "i3", "i3"] and read.bought.lengths.tolist() == [3, 1]
    assert read.purchases.lengths.tolist() == [2, 1]


def test_lines_of_a_user_may_be_apart(tmp_path):
    read = read_searched_purchases(_write(tmp_path, ["a_0 0 x 1", "b_0 0 y 1", "a_1 0 z 1"]))
    assert read.purchases.lengths.tolist() == [2, 1]
    assert [read.purchases.items[item] for item in read.purchases.sequence] == ["x", "z", "y"]


@pytest.mark.parametrize(
    "line", ["a_0 0 x", "a 0 x 1", "_0 0 x 1", "a_q 0 x 1", "a_0 0 x 0", "", "a_-1 0 x 1"]
)
def test_a_line_of_another_form_names_file_line_and_rule(tmp_path, line):
    message = _error(_write(tmp_path, [*GOOD, line]))
    assert f"{tmp_path / 'train.qrels.gz'}, line 4 must be `<user>_<query> 0 <item> 1`" in message


def test_a_query_that_has_no_line_is_an_error(tmp_path):
    message = _error(_write(tmp_path, [*GOOD, "a_2 0 x 1"]))
    assert "line 4" in message and "one of the 2 lines of query_text.txt.gz" in message


@pytest.mark.parametrize(
    ("texts", "words"),
    [(["lamp", "  "], "line 2 must be.*the line is empty"), (["lamp", "lamp"], "line 1 has it")],
)
def test_every_query_needs_words_of_its_own(tmp_path, texts, words):
    with pytest.raises(SourceError, match=words):
        read_searched_purchases(_write(tmp_path, texts=texts))


def test_files_that_are_missing_empty_or_not_gzipped_are_errors(tmp_path):
    assert "There is no file" in _error(tmp_path)
    assert "is empty" in _error(_write(tmp_path, []))
    path = tmp_path / "train.qrels.gz"
    path.write_text(GOOD[0])
    assert f"{path} must be gzipped text" in _error(tmp_path)
    _write(tmp_path, GOOD * 99)
    path.write_bytes(path.read_bytes()[:-20])
    assert f"{path} must be gzipped text" in _error(tmp_path)
