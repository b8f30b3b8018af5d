"""Splits sessions that come in one piece into train, validation and test."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.sources.session_source import SPLITS
from ranking.sources.source_error import SourceError


@dataclasses.dataclass(frozen=True)
class Splitting:
    """Which split each session belongs to, decided by one of its columns.

    Attributes:
        column: Name of the session field that decides.
        split_of: Maps that column's values to positions in `SPLITS`.
        sessions: Number of sessions per position in `SPLITS`.
    """

    column: str
    split_of: Callable[[pa.Array], npt.NDArray[np.intp]]
    sessions: Sequence[int]


def split_by_time(
    column: str, times: Iterable[pa.Array], validation_share: float, test_share: float
) -> Splitting:
    """Maps all times to a splitting: the newest sessions are test, those before validation.

    Every train session is strictly older than every validation session, and those than every
    test session: sessions of the same second stay together, in the later split.

    The times are held in memory at once, eight bytes per session.

    Raises:
        SourceError: If a split would be empty.
    """
    ordered = np.sort(np.concatenate([np.empty(0, np.int64), *map(_numbers, times)]))
    test_start = _start(ordered, len(ordered), test_share)
    validation_start = _start(ordered, test_start, validation_share)
    counts = [validation_start, test_start - validation_start, len(ordered) - test_start]
    _check_not_empty(column, counts, (validation_share, test_share))
    padded = np.append(ordered.astype(np.float64), np.inf)
    bounds = padded[[validation_start, test_start]]
    return Splitting(
        column, lambda values: np.searchsorted(bounds, _numbers(values), "right"), counts
    )


def split_by_user(
    column: str,
    users: Iterable[pa.Array],
    validation_share: float,
    test_share: float,
    *,
    seed: int,
) -> Splitting:
    """Maps all user ids to a splitting: a hash of seed and user decides for a whole user.

    The same user lands in the same split however many other users there are, so data that grows
    keeps its splits.

    Raises:
        SourceError: If a split would be empty.
    """

    def split_of(values: pa.Array) -> npt.NDArray[np.intp]:
        encoded = values.dictionary_encode()
        fractions = np.array([_fraction(seed, user) for user in encoded.dictionary.to_pylist()])
        in_test = fractions < test_share
        in_validation = ~in_test & (fractions < test_share + validation_share)
        return (1 * in_validation + 2 * in_test)[encoded.indices.to_numpy()]

    counts = sum(
        (np.bincount(split_of(chunk), minlength=len(SPLITS)) for chunk in users if len(chunk)),
        start=np.zeros(len(SPLITS), np.int64),
    )
    sessions = [int(number) for number in counts]
    _check_not_empty(column, sessions, (validation_share, test_share))
    return Splitting(column, split_of, sessions)


def _numbers(values: pa.Array) -> npt.NDArray[np.generic]:
    return values.to_numpy(zero_copy_only=False)


def _start(ordered: npt.NDArray[np.generic], end: int, share: float) -> int:
    """Where a part of `share` that ends before `end` starts, moved back over equal times."""
    if not share or not end:
        return end
    start = end - min(end, max(1, round(len(ordered) * share)))
    return int(np.searchsorted(ordered, ordered[start]))


def _fraction(seed: int, user: object) -> float:
    digest = hashlib.blake2b(f"{seed} {user}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _check_not_empty(column: str, counts: Sequence[int], shares: Sequence[float]) -> None:
    wanted = zip(SPLITS, counts, (1.0, *shares), strict=True)
    empty = [split for split, count, share in wanted if share and not count]
    if empty:
        raise SourceError(
            f"Splitting {sum(counts)} sessions by `{column}` leaves {' and '.join(empty)} empty. "
            "Give more sessions, or other values of validation_share and test_share."
        )
