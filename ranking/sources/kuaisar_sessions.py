"""Builds session rows from KuaiSAR's log."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.spec import BEHAVIORS, CANDIDATES
from ranking.sources.click_history import ClickHistory
from ranking.sources.flat_lists import add_numbers, lists, ranges
from ranking.sources.history_counts import HistoryCounts, Integers
from ranking.sources.kuaisar_files import USER_FIELDS
from ranking.sources.kuaisar_items import KuaisarItems, positions_of
from ranking.sources.kuaisar_log import KuaisarLog
from ranking.sources.word_matches import word_matches

_DAY = 86_400_000  # Milliseconds.
_NAMES = pa.array(["recommendation", "search"])


class KuaisarSessions:
    """Maps numbers of sessions to rows of a session table.

    Args:
        log: The sessions.
        items: Metadata of the log's items.
        user_features: Columns of the file of users.
        history_length: Most behaviors of a session.
        long_play: Milliseconds from which on an item counts as played long.
    """

    def __init__(
        self,
        log: KuaisarLog,
        items: KuaisarItems,
        user_features: Mapping[str, pa.Array],
        *,
        history_length: int,
        long_play: int,
    ) -> None:
        self.log = log
        self.items = items
        self.history = ClickHistory(log)
        self.history_length = history_length
        self.long_play = long_play
        known = positions_of(log.users, user_features["user_id"].to_numpy())
        self._user_features = {name: user_features[name].take(known) for name in USER_FIELDS}
        self._days = log.session_times // _DAY - log.session_times.min(initial=0) // _DAY
        row_days = self._days[log.row_sessions]
        self._shown = self._daily_counts(log.row_items, row_days)
        self._clicked = self._daily_counts(log.row_items[log.clicks], row_days[log.clicks])
        clicked_items = log.row_items[self.history.rows]
        self._author_counts = self.history.counts(items.authors[clicked_items])
        self._category_counts = self.history.counts(items.categories[clicked_items])

    @property
    def sizes(self) -> Integers:
        """Number of behaviors and candidates of each session."""
        before = self.history.before(np.arange(self.log.sessions))
        return np.minimum(before, self.history_length) + self.log.lengths

    def batch(self, sessions: Integers) -> pa.RecordBatch:
        """Maps numbers of sessions `[S]` to rows."""
        log = self.log
        users, heads = log.session_users[sessions], log.first_rows[sessions]
        columns = {
            "session_id": pa.array(self._session_ids(sessions), pa.string()),
            "user_id": pa.array(log.users[users]),
            "time": pa.array(log.session_times[sessions] // 1000),
            "scenario": _scenario(log.is_search[sessions]),
            "query": log.texts_of("query", heads),
            "search_source": log.texts_of("search_source", heads),
            **{name: values.take(pa.array(users)) for name, values in self._user_features.items()},
            BEHAVIORS: self._behaviors(sessions),
            CANDIDATES: self._candidates(sessions),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _session_ids(self, sessions: Integers) -> list[str]:
        users = self.log.users[self.log.session_users[sessions]].tolist()
        groups = self.log.session_groups[sessions].tolist()
        letters = np.where(self.log.is_search[sessions], "s", "r").tolist()
        return [
            f"{s}:{user}:{group}" for s, user, group in zip(letters, users, groups, strict=True)
        ]

    def _behaviors(self, sessions: Integers) -> pa.ListArray:
        log = self.log
        lengths, places = self.history.newest(sessions, self.history_length)
        clicked = self.history.sessions[places]
        ages = np.repeat(log.session_times[sessions], lengths) - log.session_times[clicked]
        rows = self.items.rows.take(pa.array(log.row_items[self.history.rows[places]]))
        scenario = _scenario(log.is_search[clicked])
        return lists(lengths, add_numbers(rows, {"days_ago": ages / _DAY}, scenario=scenario))

    def _candidates(self, sessions: Integers) -> pa.ListArray:
        log = self.log
        owners, rows = ranges(log.first_rows[sessions], log.lengths[sessions])
        captions = self.items.captions.take(pa.array(log.row_items[rows]))
        queries = log.texts_of("query", log.first_rows[sessions])
        numbers = {
            **self._counts(sessions[owners], log.row_items[rows]),
            "query_matches": word_matches(queries, captions, owners),
            "duration_seconds": log.durations[rows] / 1000,
        }
        more = {
            "caption": captions,
            "type": log.texts_of("type", rows),
            "click": _label(log.clicks[rows]),
            "engagement": _label(log.engaged[rows]),
            "long_play": _label(self._is_long_play(rows)),
        }
        item_rows = self.items.rows.take(pa.array(log.row_items[rows]))
        return lists(log.lengths[sessions], add_numbers(item_rows, numbers, **more))

    def _counts(self, sessions: Integers, items: Integers) -> dict[str, npt.NDArray[np.float64]]:
        """Numbers of candidates that hold for their sessions `[N]`, from what came before."""
        days, zeros = self._days[sessions], np.zeros_like(items)
        users, before = self.log.session_users[sessions], self.history.before(sessions)
        uploaded = self.items.uploaded[items]
        return {
            "popularity": self._clicked(items, days, zeros),
            "shown": self._shown(items, days, zeros),
            "author_matches": _known(self._author_counts, users, before, self.items.authors[items]),
            "category_matches": _known(
                self._category_counts, users, before, self.items.categories[items]
            ),
            "age_days": np.maximum(self.log.session_times[sessions] / _DAY - uploaded, 0),
        }

    def _daily_counts(self, items: Integers, days: Integers) -> HistoryCounts:
        num_days = int(self._days.max(initial=0)) + 1
        return HistoryCounts(items, np.zeros_like(items), days, 1, num_days)

    def _is_long_play(self, rows: Integers) -> npt.NDArray[np.bool_]:
        played, needed = self.log.played[rows], np.fmin(self.log.durations[rows], self.long_play)
        return (played > 0) & (played >= needed)


def _known(
    counts: HistoryCounts, users: Integers, before: Integers, values: Integers
) -> npt.NDArray[np.float64]:
    """Counts of values; 0 where a value is -1."""
    return np.where(values >= 0, counts(users, before, np.maximum(values, 0)), 0).astype(float)


def _label(values: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values.astype(np.int64))


def _scenario(is_search: npt.NDArray[np.bool_]) -> pa.Array:
    return _NAMES.take(pa.array(is_search.astype(np.int64)))
