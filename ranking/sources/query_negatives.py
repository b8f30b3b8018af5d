"""Draws items that belong to a query and that a user never bought."""

import numpy as np

from ranking.sources.amazon_search_files import SearchedPurchases
from ranking.sources.negative_items import Booleans, NegativeItems, Proposals
from ranking.sources.sequence_file import Integers


class QueryNegatives(NegativeItems):
    """As `NegativeItems`, each item of a query as likely as any other; `draw` is told queries.

    Args:
        searched: Who bought what, and the items of each query.
    """

    def __init__(self, searched: SearchedPurchases) -> None:
        super().__init__(searched.bought)
        num_queries = len(searched.texts)
        order = np.argsort(searched.queries, kind="stable")
        self._by_query = searched.query_owners[order]
        sizes = np.bincount(searched.queries, minlength=num_queries)
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        self._sizes = sizes
        # One key per purchase and query of its item.
        lengths = np.diff(searched.offsets)[searched.bought.sequence]
        purchase = np.repeat(np.arange(len(lengths)), lengths)
        within = np.arange(len(purchase)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        queries = searched.queries[searched.offsets[searched.bought.sequence[purchase]] + within]
        self._own_in_query = np.sort(searched.bought.owners[purchase] * num_queries + queries)

    @property
    def sizes(self) -> Integers:
        """Number of items of each query."""
        return self._sizes

    def available(self, users: Integers, queries: Integers) -> Integers:
        """How many items of a query a user did not buy; arguments and result have one shape."""
        keys = users * len(self._sizes) + queries
        own = np.searchsorted(self._own_in_query, keys, side="right") - np.searchsorted(
            self._own_in_query, keys
        )
        return self._sizes[queries] - own

    def _proposals(
        self, users: Integers, targets: Integers, count: int, generator: np.random.Generator
    ) -> Proposals:
        """As in `NegativeItems`; `targets` are the queries."""
        del users, count

        def propose(rows: Integers, places: Booleans) -> Integers:
            chosen = np.repeat(targets[rows], places.sum(axis=1))
            drawn = generator.integers(self._first[chosen], self._first[chosen + 1])
            return self._by_query[drawn]

        return propose
