import pytest

from ranking.sources.options import Options
from ranking.sources.source_error import SourceError


def test_missing_options_have_the_default():
    options = Options("x", {})
    assert options.text("a", "b") == "b"
    assert options.choice("a", ("b", "c"), "b") == "b"
    assert (options.share("a", 0.5), options.count("a", 3)) == (0.5, 3)
    assert "a" not in options


def test_given_options_are_read_as_their_type():
    options = Options("x", {"a": "c", "b": "0", "n": "17"})
    assert options.choice("a", ("b", "c"), "b") == "c"
    assert (options.share("b", 0.5), options.count("n", 3)) == (0.0, 17)
    assert "a" in options


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda options: options.choice("o", ("a", "b"), "a"), "c"),
        (lambda options: options.share("o", 0.1), "1"),
        (lambda options: options.share("o", 0.1), "-0.1"),
        (lambda options: options.share("o", 0.1), "nan"),
        (lambda options: options.share("o", 0.1), "half"),
        (lambda options: options.count("o", 1), "0"),
        (lambda options: options.count("o", 1), "1.5"),
    ],
)
def test_a_wrong_value_names_option_source_rule_and_value(read, value):
    with pytest.raises(SourceError) as error:
        read(Options("parquet", {"o": value}))
    message = str(error.value)
    assert "`o` of source `parquet` must be" in message and repr(value) in message
