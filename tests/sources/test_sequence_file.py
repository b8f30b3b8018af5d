import pytest

from ranking.sources.sequence_file import find_sequence_file, read_sequence_file
from ranking.sources.source_error import SourceError


def _write(tmp_path, text, name="Set"):
    path = tmp_path / f"{name}.txt"
    path.write_text(text)
    (tmp_path / f"{name}_item2attributes.json").write_text("{}")
    return path


def test_lines_become_flat_arrays(tmp_path):
    read = read_sequence_file(_write(tmp_path, "u1 a b c\nu2 b\nu3 d a\n"))
    assert list(read.users) == ["u1", "u2", "u3"]
    assert list(read.items) == ["a", "b", "c", "d"]
    assert read.sequence.tolist() == [0, 1, 2, 1, 3, 0]
    assert read.offsets.tolist() == [0, 3, 4, 6]
    assert read.lengths.tolist() == [3, 1, 2]
    assert read.owners.tolist() == [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("u2", "must be `user item item ...`"),
        ("", "must be `user item item ...`"),
        ("u2 a b a", "item `a` twice"),
        ("u1 c", "user `u1` of line 1 again"),
    ],
)
def test_a_bad_line_names_file_line_and_rule(tmp_path, line, words):
    path = _write(tmp_path, f"u1 a b\n{line}\nu3 a b\n")
    with pytest.raises(SourceError) as error:
        read_sequence_file(path)
    assert f"{path}, line 2" in str(error.value) and words in str(error.value)


def test_an_empty_or_binary_file_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="is empty"):
        read_sequence_file(_write(tmp_path, ""))
    path = tmp_path / "binary.txt"
    path.write_bytes(b"u1 \xff\xfe a")
    with pytest.raises(SourceError, match="UTF-8"):
        read_sequence_file(path)


def test_input_is_the_file_or_a_folder_with_a_name(tmp_path):
    path = _write(tmp_path, "u a b", "Beauty")
    assert find_sequence_file(path, "") == path
    assert find_sequence_file(tmp_path, "") == path
    _write(tmp_path, "u a b", "Toys")
    assert find_sequence_file(tmp_path, "Beauty") == path
    with pytest.raises(SourceError, match="Received: Beauty, Toys"):
        find_sequence_file(tmp_path, "")
    with pytest.raises(SourceError, match="Did you mean `Beauty`"):
        find_sequence_file(tmp_path, "Beuty")
    with pytest.raises(SourceError, match="does not exist"):
        find_sequence_file(tmp_path / "nowhere", "")
