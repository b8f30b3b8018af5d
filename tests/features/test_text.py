import doctest

import tensorflow as tf

from ranking.features import text
from ranking.features.text import split_text


def test_text_is_lowercased_and_split_at_ascii_white_space():
    texts = ["  ÄRMEL\tRed\n\nred ", "", "   ", "日本 Ünïcode", "a\u3000b"]
    tokens = split_text(tf.constant(texts)).to_list()
    decoded = [[token.decode() for token in one] for one in tokens]
    assert decoded == [["ärmel", "red", "red"], [], [], ["日本", "ünïcode"], ["a\u3000b"]]


def test_bytes_that_are_not_utf8_are_no_error():
    assert len(split_text(tf.constant([b"a \xff\xfe b"])).to_list()[0]) == 3


def test_the_example_runs():
    assert doctest.testmod(text).failed == 0
