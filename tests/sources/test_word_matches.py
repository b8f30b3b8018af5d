import numpy as np
import pyarrow as pa

from ranking.sources.word_matches import word_matches


def test_distinct_shared_words_are_counted_by_a_plain_loop():
    generator = np.random.default_rng(2)

    def text(most):
        count = generator.integers(0, most)
        return " ".join(str(word) for word in generator.integers(0, 13, count)) or None

    queries = [text(5) for _ in range(23)]
    sessions = np.sort(generator.integers(0, 23, 211))
    texts = [text(11) for _ in sessions]
    expected = [
        len(set((words or "").split()) & set((queries[at] or "").split()))
        for words, at in zip(texts, sessions, strict=True)
    ]
    queries, texts = pa.array(queries, pa.string()), pa.array(texts, pa.large_string())
    assert max(expected) > 2 and word_matches(queries, texts, sessions).tolist() == expected


def test_no_words_at_all_match_nothing():
    nothing = pa.nulls(2, pa.string())
    assert word_matches(nothing, nothing, np.array([0, 1])).tolist() == [0, 0]
    assert word_matches(nothing[:0], nothing[:0], np.array([], int)).tolist() == []
