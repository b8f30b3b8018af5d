"""How a candidate's values occur among the values of the behaviors."""

import numpy as np
import numpy.typing as npt

from ranking.features.spec import UNKNOWN_ID

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


def steps_back(lengths: npt.NDArray[np.int32], width: int) -> Floats:
    """Maps history lengths `[B]` to how far back each behavior is, `[B, T]`: 1 for the newest.

    Padding is infinitely far.

    >>> steps_back(np.array([2, 0]), 3).tolist()
    [[2.0, 1.0, inf], [inf, inf, inf]]
    """
    steps = lengths[:, None] - np.arange(width)
    return np.where(steps > 0, steps, np.inf).astype(np.float32)


def matches(behaviors: Ids, candidates: Ids) -> Floats:
    """Whether each behavior has a candidate's value, or what share of its values.

    Args:
        behaviors: Ids `[B, T]`, or several each `[B, T, M]`.
        candidates: Ids `[B, C]`, or `[B, C, N]`. Padding and the unknown id match nothing.

    Returns:
        `[B, T, C]`, 0 where a candidate has no value.

    >>> matches(np.array([[5, 6]]), np.array([[6, 1, 5]])).tolist()
    [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    if behaviors.ndim == 2:
        same = behaviors[:, :, None] == candidates[:, None, :]
        return np.asarray(same & (candidates[:, None, :] > UNKNOWN_ID), np.float32)
    shape = (*behaviors.shape[:2], candidates.shape[1])
    found = np.zeros(shape, np.float32)
    known = candidates > UNKNOWN_ID
    # One of the candidate's values at a time: all at once would take M times the memory.
    for place in range(candidates.shape[2]):
        value = candidates[:, None, :, place]
        has = np.zeros(shape, np.bool_)
        for other in range(behaviors.shape[2]):
            has |= behaviors[:, :, other, None] == value
        found += has & known[:, None, :, place]
    ids = np.maximum(known.sum(axis=2), 1).astype(np.float32)
    return np.asarray(found / ids[:, None, :])


def overlap(match: Floats, steps: Floats) -> dict[str, Floats]:
    """Maps matches `[B, T, C]` and steps back `[B, T]` to columns `[B, C]`.

    `number`: the sum over the behaviors; `share`: that over their number, 0 for an empty history;
    `recency`: 1 / steps back to the newest behavior that matches, 0 where there is none.
    """
    lengths = np.isfinite(steps).sum(axis=1, keepdims=True)
    number = match.sum(axis=1)
    newest = np.where(match > 0, steps[:, :, None], np.inf).min(axis=1, initial=np.inf)
    return {
        "number": number,
        "share": (number / np.maximum(lengths, 1)).astype(np.float32),
        "recency": (1 / newest).astype(np.float32),
    }
