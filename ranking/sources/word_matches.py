"""Counts words that two texts share."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ranking.sources.history_counts import Integers


def word_matches(queries: pa.Array, texts: pa.Array, sessions: Integers) -> Integers:
    """Maps texts `[N]` to how many of their distinct words are in the query of their session.

    Args:
        queries: Words between single blanks, or null, one for each session.
        texts: The same for each of N texts.
        sessions: For each text the number of its query.

    Example:
    >>> word_matches(pa.array(["a b", None]), pa.array(["b c b", "a"]), np.array([0, 1])).tolist()
    [1, 0]
    """
    counts = np.zeros(len(texts), np.int64)
    # Most sessions have no query, and splitting texts is slow.
    asked = np.flatnonzero(queries.is_valid().to_numpy(zero_copy_only=False)[sessions])
    counts[asked] = _matches(queries, texts.take(pa.array(asked)), sessions[asked])
    return counts


def _matches(queries: pa.Array, texts: pa.Array, sessions: Integers) -> Integers:
    wanted_at, wanted = _words(queries)
    at, found = _words(texts)
    codes = pa.concat_arrays([wanted, found]).dictionary_encode().indices.to_numpy()
    size = len(codes) + 1
    in_query = wanted_at * size + codes[: len(wanted)]
    # A word that a text has twice counts once.
    at, words = np.divmod(np.unique(at * size + codes[len(wanted) :]), size)
    hits = np.isin(sessions[at] * size + words, in_query)
    return np.bincount(at[hits], minlength=len(texts))


def _words(texts: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """All words, and which text each is of."""
    split = pc.split_pattern(texts.cast(pa.large_string()), " ")
    return pc.list_parent_indices(split).to_numpy(), pc.list_flatten(split)
