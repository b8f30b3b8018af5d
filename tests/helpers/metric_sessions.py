"""Random sessions for metrics: ties, sessions of one class, of one candidate and of none."""

from collections.abc import Iterator

import numpy as np

from tests.helpers.metric_oracles import Session

Flat = tuple[np.ndarray, np.ndarray, np.ndarray]
_SIZES = (0, 1, 2, 3, 5, 13, 29)


def random_sessions(count: int, seed: int, *, levels: int = 17) -> Flat:
    """Scores between 0 and 1 of few different levels, labels that know of them, and lengths."""
    chance = np.random.default_rng(seed)
    lengths = chance.choice(_SIZES, count)
    scores = (chance.integers(1, levels, lengths.sum()) / levels).astype(np.float32)
    labels = (chance.random(len(scores)) < 0.6 * scores).astype(np.float32)
    return scores, labels, lengths


def split_sessions(
    scores: np.ndarray, labels: np.ndarray, lengths: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores and labels of one session after the other."""
    ends = np.cumsum(lengths)[:-1]
    return zip(np.split(scores, ends), np.split(labels, ends), strict=True)


def pairs_of(scores: np.ndarray, labels: np.ndarray) -> Session:
    """A session as the loops of `metric_oracles` take it."""
    return list(zip(scores.tolist(), labels.tolist(), strict=True))
