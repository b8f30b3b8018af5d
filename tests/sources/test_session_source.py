import pytest

from ranking.sources.session_source import SessionSource


def test_a_split_has_one_of_three_names():
    SessionSource({"train": lambda: iter(()), "test": lambda: iter(())}, False, {})
    with pytest.raises(ValueError, match="'dev'"):
        SessionSource({"dev": lambda: iter(())}, False, {})
