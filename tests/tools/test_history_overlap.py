import numpy as np
import pytest

from tools.history_overlap import matches, overlap, steps_back

BATCH, BEHAVIORS, CANDIDATES, DONE, SHOWN = 5, 7, 3, 4, 2
LENGTHS = np.array([7, 0, 3, 1, 5])


def _padded(chance: np.random.Generator, *shape: int) -> np.ndarray:
    """Ids from 2 to 6, with padding (0) and unknown ones (1) among them."""
    return chance.integers(0, 7, size=shape).astype(np.int32)


def _known(values: np.ndarray) -> set[int]:
    return {int(value) for value in np.atleast_1d(values) if value > 1}


def _share(behavior: np.ndarray, candidate: np.ndarray) -> float:
    """How many of the candidate's places hold a value of the behavior, of those that hold any."""
    places = [int(value) for value in np.atleast_1d(candidate) if value > 1]
    return sum(value in _known(behavior) for value in places) / max(len(places), 1)


@pytest.mark.parametrize("several", [False, True])
def test_matches_and_overlap_are_those_of_a_plain_loop(several: bool) -> None:
    chance = np.random.default_rng(11)
    behaviors = _padded(chance, BATCH, BEHAVIORS, *([DONE] if several else []))
    candidates = _padded(chance, BATCH, CANDIDATES, *([SHOWN] if several else []))
    for session, length in enumerate(LENGTHS):
        behaviors[session, length:] = 0
    match = matches(behaviors, candidates)
    columns = overlap(match, steps_back(LENGTHS, BEHAVIORS))
    for session, length in enumerate(LENGTHS):
        for place in range(CANDIDATES):
            shares = [_share(one, candidates[session, place]) for one in behaviors[session]]
            assert match[session, :, place].tolist() == pytest.approx(shares)
            kept = shares[:length]
            newest = [length - at for at, share in enumerate(kept) if share]
            expected = (sum(kept), sum(kept) / max(length, 1), 1 / min(newest, default=np.inf))
            got = [columns[name][session, place] for name in ("number", "share", "recency")]
            assert got == pytest.approx(expected)
    assert 0 < (match > 0).mean() < 1
    assert ((0 < match) & (match < 1)).any() == several


def test_an_empty_batch_of_behaviors_overlaps_with_nothing() -> None:
    match = matches(np.zeros((2, 0), np.int32), np.full((2, 3), 5, np.int32))
    columns = overlap(match, steps_back(np.zeros(2, np.int32), 0))
    assert all(values.shape == (2, 3) and not values.any() for values in columns.values())
