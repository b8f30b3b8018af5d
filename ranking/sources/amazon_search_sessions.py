"""Builds session rows from purchases with queries."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ranking.features.spec import BEHAVIORS, CANDIDATES
from ranking.sources.amazon_search_files import SearchedPurchases
from ranking.sources.amazon_search_scenarios import PurchaseScenarios
from ranking.sources.cross_candidates import OtherPurchases
from ranking.sources.flat_lists import add_numbers, lists, spans
from ranking.sources.history_counts import HistoryCounts
from ranking.sources.sequence_file import Integers

_NAMES = pa.array(["recommendation", "search"])


class AmazonSearchSessions:
    """Maps targets, the users' other purchases and candidates to rows of a session table.

    Shapes are written with S = sessions, C = candidates.

    Args:
        searched: Who bought what, and the items of each query.
        scenarios: The scenario of each purchase.
        categories: For each item the query that stands for its category.
        popularity: For each item, how many purchases are counted.
    """

    def __init__(
        self,
        searched: SearchedPurchases,
        scenarios: PurchaseScenarios,
        categories: Integers,
        popularity: Integers,
    ) -> None:
        self.searched = searched
        self.scenarios = scenarios
        self.categories = categories
        self.popularity = popularity
        self._texts = pa.array(searched.texts, pa.string())
        numbers = pa.array([str(number) for number in range(len(searched.texts))], pa.string())
        self._users = pa.array(searched.purchases.users, pa.string())
        self._items = pa.array(searched.purchases.items, pa.string())
        self._owners = searched.purchases.owners
        self._item_rows = pa.StructArray.from_arrays(
            [
                self._items,
                numbers.take(pa.array(categories)),
                lists(np.diff(searched.offsets), numbers.take(pa.array(searched.queries))),
            ],
            names=["item", "category", "queries"],
        )

    def batch(self, targets: Integers, others: OtherPurchases, items: Integers) -> pa.RecordBatch:
        """Maps targets to rows.

        Args:
            targets: Numbers of purchases `[S]`.
            others: The other purchases of their users.
            items: Candidates `[S, C]`; one of them is what was bought.
        """
        users, is_search = self._owners[targets], self.scenarios.is_search[targets]
        bought = self.searched.purchases.sequence[targets]
        queries = pa.array(self.scenarios.queries[targets], mask=~is_search)
        sizes = np.bincount(others.history_sessions, minlength=len(targets))
        columns = {
            "session_id": pa.array(self._session_ids(users, bought), pa.string()),
            "user_id": self._users.take(pa.array(users)),
            "scenario": _scenario(is_search),
            "query": self._texts.take(queries),
            "history_size": pa.array(sizes.astype(np.float32)),
            BEHAVIORS: self._behaviors(others, sizes),
            CANDIDATES: self._candidates(is_search, bought, others, items),
        }
        return pa.RecordBatch.from_pydict(columns)

    def _session_ids(self, users: Integers, items: Integers) -> list[str]:
        names = zip(users.tolist(), items.tolist(), strict=True)
        purchases = self.searched.purchases
        return [f"{purchases.users[user]}:{purchases.items[item]}" for user, item in names]

    def _behaviors(self, others: OtherPurchases, sizes: Integers) -> pa.ListArray:
        items = self.searched.purchases.sequence[others.history]
        scenario = _scenario(self.scenarios.is_search[others.history])
        rows = self._item_rows.take(pa.array(items))
        return lists(sizes, add_numbers(rows, {}, scenario=scenario))

    def _candidates(
        self,
        is_search: npt.NDArray[np.bool_],
        bought: Integers,
        others: OtherPurchases,
        items: Integers,
    ) -> pa.ListArray:
        sessions = np.repeat(np.arange(len(items)), items.shape[1])
        flat = items.ravel()
        sizes = np.full(len(items), items.shape[1])
        here = self.scenarios.is_search[others.history] == is_search[others.history_sessions]
        everywhere = np.ones_like(here)
        numbers = {
            "popularity": self.popularity[flat],
            "category_matches": self._category_matches(others, everywhere, sessions, flat),
            "scenario_matches": self._category_matches(others, here, sessions, flat),
            "query_matches": self._query_matches(others, sessions, flat),
        }
        labels = pa.array((items == bought[:, None]).ravel().astype(np.int64))
        rows = self._item_rows.take(pa.array(flat))
        return lists(sizes, add_numbers(rows, numbers, purchase=labels))

    def _category_matches(
        self,
        others: OtherPurchases,
        counted: npt.NDArray[np.bool_],
        sessions: Integers,
        items: Integers,
    ) -> Integers:
        """How many counted items of the history have the candidate's category."""
        history = self.searched.purchases.sequence[others.history[counted]]
        count = self._counts(others.history_sessions[counted], self.categories[history])
        return count(sessions, np.ones_like(sessions), self.categories[items])

    def _query_matches(
        self, others: OtherPurchases, sessions: Integers, items: Integers
    ) -> npt.NDArray[np.float64]:
        """How many items of the history belong to a query of the candidate, in the mean over its
        queries."""
        offsets, queries = self.searched.offsets, self.searched.queries
        at, where = spans(offsets, self.searched.purchases.sequence[others.history])
        count = self._counts(others.history_sessions[at], queries[where])
        at, where = spans(offsets, items)
        counts = count(sessions[at], np.ones_like(at), queries[where])
        return np.bincount(at, counts, minlength=len(items)) / np.bincount(at, minlength=len(items))

    def _counts(self, sessions: Integers, values: Integers) -> HistoryCounts:
        """Counts of values per session; a history is no sequence here, so all is at position 0."""
        first = np.zeros_like(sessions)
        return HistoryCounts(sessions, values, first, len(self.searched.texts), num_positions=1)


def _scenario(is_search: npt.NDArray[np.bool_]) -> pa.Array:
    return _NAMES.take(pa.array(is_search.astype(np.int64)))
