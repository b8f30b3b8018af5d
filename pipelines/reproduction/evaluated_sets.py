"""The test sets of Tables II to IV: all sessions, and two kinds of long-tail users."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.reproduction.evaluated_sessions import TestSessions
from pipelines.reproduction.paper_numbers import FULL, LONG_TAIL_1, LONG_TAIL_2
from ranking.did_you_mean import did_you_mean

_SHARE = 0.1
_ELDERLY = "age_group=50+"


@dataclasses.dataclass(frozen=True, eq=False)
class TestSet:
    """Some of the sessions.

    Attributes:
        key: Its name in results, as in `paper_numbers`.
        table: Number of its table in the paper.
        title: What it is.
        sessions: Which sessions belong to it, `[S]` bool.
        segment: What `metrics.json` calls it; empty where it knows no such segment.
    """

    __test__ = False  # No test, whatever its name.

    key: str
    table: str
    title: str
    sessions: npt.NDArray[np.bool_]
    segment: str = ""

    def __len__(self) -> int:
        return int(self.sessions.sum())


def test_sets(
    sessions: TestSessions, long_tail: int | None = None, second_long_tail: str | None = None
) -> list[TestSet]:
    """The full test set, users with short histories, and a segment where there is one.

    Args:
        sessions: All of them.
        long_tail: Most behaviors of a short history. By default the smallest number that at least a
            tenth of the sessions do not exceed.
        second_long_tail: A segment, `dimension=name`; an empty one for none. By default that of
            elderly users, where the data have it.

    Raises:
        ValueError: If a set is empty, or there is no such segment.
    """
    if long_tail is None:
        long_tail = short_history(sessions.history)
    short = sessions.history <= long_tail
    if not short.any():
        raise ValueError(
            f"`--long_tail` must leave sessions: the shortest history has {sessions.history.min()} "
            f"behaviors. Received: --long_tail={long_tail}"
        )
    words = {0: "no behaviors", 1: "at most 1 behavior"}.get(
        long_tail, f"at most {long_tail} behaviors"
    )
    sets = [
        TestSet(FULL, "II", "full test set", np.ones(len(sessions), dtype=bool), "all"),
        TestSet(LONG_TAIL_1, "III", f"long-tail users 1 ({words})", short),
    ]
    names = {
        f"{dimension}={name}"
        for dimension, codes in sessions.segments.items()
        for name in np.unique(codes.astype(str))
    }
    if second_long_tail is None:
        second_long_tail = _ELDERLY if _ELDERLY in names else ""
    return sets + _segment_set(sessions, second_long_tail, sorted(names))


test_sets.__test__ = False  # type: ignore[attr-defined]


def short_history(history: npt.ArrayLike) -> int:
    """Maps lengths of histories `[S]` to the smallest that at least a tenth do not exceed.

    Example:
        >>> short_history([0, 3, 3, 3, 3, 3, 3, 3, 3, 3]), short_history([0, 5, 9])
        (0, 0)
    """
    lengths = np.sort(np.asarray(history, dtype=np.int64))
    return int(lengths[int(np.ceil(_SHARE * len(lengths))) - 1])


def _segment_set(sessions: TestSessions, segment: str, names: Sequence[str]) -> list[TestSet]:
    if not segment:
        return []
    if segment not in names:
        raise ValueError(
            "`--second_long_tail` must be a segment of the test sessions, dimension=name. "
            f"Received: {segment}. {did_you_mean(segment, names)}"
        )
    dimension, _, name = segment.partition("=")
    chosen = sessions.segments[dimension].astype(str) == name
    elderly = "elderly, " if segment == _ELDERLY else ""
    return [TestSet(LONG_TAIL_2, "IV", f"long-tail users 2 ({elderly}{segment})", chosen, segment)]
