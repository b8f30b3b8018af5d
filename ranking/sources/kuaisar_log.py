"""Joins what KuaiSAR showed in search and in recommendation into one log of sessions."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.sources.history_counts import Integers
from ranking.sources.kuaisar_files import ShownItems

Booleans = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class KuaisarLog:
    """Sessions in time order, and the rows of what was shown. Users and items are numbers.

    Attributes:
        users: Ids of users, in increasing order.
        items: Ids of items, in increasing order.
        session_users: User of each session.
        session_groups: What tells a user's sessions of one scenario apart.
        session_times: Milliseconds since 1970.
        is_search: Whether a session is a search.
        first_rows: Where a session's rows start.
        lengths: Number of its rows.
        row_items: What each row shows.
        clicks: Whether it was clicked.
        engaged: Whether it was liked or forwarded or its author followed.
        played: Milliseconds that it was played.
        durations: Length of the item in milliseconds; NaN if unknown.
        texts: Columns `query`, `search_source` and `type` of the searches' rows, which come first.
    """

    users: Integers
    items: Integers
    session_users: Integers
    session_groups: Integers
    session_times: Integers
    is_search: Booleans
    first_rows: Integers
    lengths: Integers
    row_items: Integers
    clicks: Booleans
    engaged: Booleans
    played: npt.NDArray[np.float32]
    durations: npt.NDArray[np.float32]
    texts: Mapping[str, pa.Array]

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.session_users)

    @property
    def row_sessions(self) -> Integers:
        """The session of each row."""
        order = np.argsort(self.first_rows)
        return np.repeat(order, self.lengths[order])

    def texts_of(self, name: str, rows: Integers) -> pa.Array:
        """The column `name` of `texts` for any rows; null in recommendation."""
        column = self.texts[name]
        return column.take(pa.array(rows, mask=rows >= len(column)))


def join_log(search: ShownItems, recommendation: ShownItems) -> KuaisarLog:
    """Maps the rows of both scenarios to sessions; one happens when its first row does."""
    parts = (search, recommendation)
    orders = [_order(part) for part in parts]
    starts = [_starts(part, order) for part, order in zip(parts, orders, strict=True)]
    shift = len(search.users)
    first_rows = np.concatenate([starts[0], starts[1] + shift])
    rows = np.concatenate([orders[0], orders[1] + shift])
    heads = rows[first_rows]
    times = np.concatenate([part.times for part in parts])[heads]
    by_time = np.argsort(times, kind="stable")
    users, row_users = np.unique(np.concatenate([p.users for p in parts]), return_inverse=True)
    items, row_items = np.unique(np.concatenate([p.items for p in parts]), return_inverse=True)
    return KuaisarLog(
        users=users,
        items=items,
        session_users=row_users[heads][by_time],
        session_groups=np.concatenate([part.groups for part in parts])[heads][by_time],
        session_times=times[by_time],
        is_search=(np.arange(len(heads)) < len(starts[0]))[by_time],
        first_rows=first_rows[by_time],
        lengths=np.diff(first_rows, append=len(rows))[by_time],
        row_items=row_items[rows],
        clicks=np.concatenate([part.clicks for part in parts])[rows],
        engaged=np.concatenate([part.engaged for part in parts])[rows],
        played=np.concatenate([part.played for part in parts])[rows],
        durations=np.concatenate([part.durations for part in parts])[rows],
        texts={name: text.take(pa.array(orders[0])) for name, text in search.texts.items()},
    )


def _order(part: ShownItems) -> Integers:
    """Rows of a session together, otherwise as in the file."""
    return np.lexsort((part.groups, part.users))


def _starts(part: ShownItems, order: Integers) -> Integers:
    users, groups = part.users[order], part.groups[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (users[1:] != users[:-1]) | (groups[1:] != groups[:-1])
    return np.flatnonzero(is_new)
