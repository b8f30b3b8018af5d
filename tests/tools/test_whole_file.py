from tools.whole_file import write_whole


def test_a_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "report.md"
    for text in ("first", "sécond\n"):
        write_whole(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]
