"""What users clicked, and what they had clicked before a session."""

import numpy as np

from ranking.sources.flat_lists import ranges
from ranking.sources.history_counts import HistoryCounts, Integers
from ranking.sources.kuaisar_log import KuaisarLog


class ClickHistory:
    """The clicks of a log, user by user, each oldest first.

    A click is as old as the session that showed the item. Clicks of a session, or of another one at
    the same time, are not before it.

    Args:
        log: The sessions.

    Attributes:
        rows: The rows of the log that were clicked.
        sessions: Their sessions.
    """

    def __init__(self, log: KuaisarLog) -> None:
        row_sessions = log.row_sessions
        rows = np.flatnonzero(log.clicks)
        keys = self._keys_of_sessions(log)
        order = np.argsort(keys[row_sessions[rows]], kind="stable")
        self.rows = rows[order]
        self.sessions = row_sessions[self.rows]
        self._users = log.session_users
        clicks = np.bincount(log.session_users[self.sessions], minlength=len(log.users))
        self._first = np.concatenate([[0], np.cumsum(clicks)])
        sorted_keys = keys[self.sessions]
        self._end = np.searchsorted(sorted_keys, keys)

    def before(self, sessions: Integers) -> Integers:
        """How many clicks their users had made before `sessions`."""
        return self._end[sessions] - self._first[self._users[sessions]]

    def newest(self, sessions: Integers, count: int) -> tuple[Integers, Integers]:
        """The newest `count` clicks before `sessions`, or all.

        Returns:
            The number of them for each session, and their places in `rows`, oldest first.
        """
        lengths = np.minimum(self.before(sessions), count)
        _, places = ranges(self._end[sessions] - lengths, lengths)
        return lengths, places

    def counts(self, values: Integers) -> HistoryCounts:
        """Counts of a value of the items, to be asked with users, `before` and values.

        Args:
            values: For each place in `rows` a number from 0, or -1 for no value.
        """
        users = self._users[self.sessions]
        positions = np.arange(len(self.rows)) - self._first[users]
        known = values >= 0
        return HistoryCounts(
            users[known],
            values[known],
            positions[known],
            num_values=int(values.max(initial=0)) + 1,
            num_positions=int(np.diff(self._first).max(initial=0)) + 1,
        )

    @staticmethod
    def _keys_of_sessions(log: KuaisarLog) -> Integers:
        """Numbers that order sessions by user, then by time."""
        times = log.session_times - log.session_times.min(initial=0)
        return log.session_users * (times.max(initial=0) + 1) + times
