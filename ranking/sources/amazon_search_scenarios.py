"""Which purchases are searches, and for what."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ranking.sources.amazon_search_files import SearchedPurchases
from ranking.sources.flat_lists import spans
from ranking.sources.query_negatives import QueryNegatives
from ranking.sources.seeded_hash import hash_fractions
from ranking.sources.sequence_file import Integers

Booleans = npt.NDArray[np.bool_]
NO_QUERY = -1


@dataclasses.dataclass(frozen=True)
class PurchaseScenarios:
    """The scenario of each purchase, in the order of the purchases.

    Attributes:
        queries: What was searched for; `NO_QUERY` in recommendation.
        without_pool: Number of purchases that are recommendations only because none of their
            queries has enough items.
    """

    queries: Integers
    without_pool: int

    @property
    def is_search(self) -> Booleans:
        """Whether each purchase is a search."""
        return self.queries != NO_QUERY


def assign_scenarios(
    searched: SearchedPurchases,
    pools: QueryNegatives,
    *,
    search_share: float,
    pool_size: int,
    seed: int,
) -> PurchaseScenarios:
    """Maps purchases to scenarios and queries, by hashes of seed, user, item (and query).

    The data do not say how a purchase came about, so chance decides. A search needs a query that
    has `pool_size` items the user did not buy; of several such queries the hash takes one, without
    one the purchase is a recommendation.
    """
    purchases = searched.purchases
    owners, items = purchases.owners, purchases.sequence
    names = [
        f"{purchases.users[user]} {purchases.items[item]}"
        for user, item in zip(owners.tolist(), items.tolist(), strict=True)
    ]
    wanted = np.flatnonzero(hash_fractions(seed, (f"scenario {n}" for n in names)) < search_share)
    at, where = spans(searched.offsets, items[wanted])
    at, queries = wanted[at], searched.queries[where]
    enough = pools.available(owners[at], queries) >= pool_size
    at, queries = at[enough], queries[enough]
    labels = (f"query {names[a]} {q}" for a, q in zip(at.tolist(), queries.tolist(), strict=True))
    order = np.lexsort((hash_fractions(seed, labels), at))
    searches, first = np.unique(at[order], return_index=True)
    chosen = np.full(len(items), NO_QUERY)
    chosen[searches] = queries[order][first]
    return PurchaseScenarios(chosen, without_pool=len(wanted) - len(searches))
