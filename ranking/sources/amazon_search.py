"""Search and recommendation sessions from purchases with published queries."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from ranking.features.spec import FeatureSpec
from ranking.sources.amazon_search_files import SearchedPurchases, read_searched_purchases
from ranking.sources.amazon_search_protocol import AmazonSearchProtocol
from ranking.sources.amazon_search_scenarios import PurchaseScenarios, assign_scenarios
from ranking.sources.amazon_search_sessions import AmazonSearchSessions
from ranking.sources.cross_candidates import CrossCandidates, OtherPurchases
from ranking.sources.flat_lists import bounded_slices, ranges
from ranking.sources.negative_items import NegativeItems
from ranking.sources.options import Options
from ranking.sources.query_negatives import QueryNegatives
from ranking.sources.sequence_file import Integers
from ranking.sources.session_source import SPLITS, SessionSource
from ranking.sources.session_table import arrow_schema, conform

_PURCHASES_PER_BATCH = 65536
_SETTING = "Amazon-as-search, scenario assigned by hash"


def open_amazon_search(
    spec: FeatureSpec, input: str, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Maps a folder of purchases with queries to search and recommendation sessions.

    The purchases are real, the queries published with them (built from the items' categories).
    **Which purchase is a search is made up**: a hash of seed, user and item decides (option
    `search_share`), as the data have neither scenarios nor pages nor times. Nothing else is
    simulated, and the description says so.

    Users are split by a hash, so all of a user's sessions are in one split. Every purchase is the
    target of one session, whose history is the user's other purchases, in no order. Its candidates
    are the target and negatives that the user never bought, in random order. A search has one of
    the item's queries, and its negatives belong to the same query, each as likely; a recommendation
    has no query, and an item is a negative as often as train users bought it, and once more, so
    that none is a sure positive. So popularity tells much in search and little in recommendation.

    With option `cross_candidates`, negatives give way to purchases that the same user made in the
    other scenario (`CrossCandidates` says which). Their label is 0 here. As their own session is in
    the same split, their global label with window `train` is 1.

    **Popularity** of an item is its number of purchases by train users: one number per item, which
    no held-out purchase enters. A train target counts itself; why the opposite leaks is explained
    at `open_user_sequences`. There is no popularity per scenario, as it would leak the same way:
    where it counts a train target, it would leave the same item out where it is shown from the
    other scenario. Matches are counted in the session's history, which holds no candidate.

    The sessions have the columns `session_id`, `user_id`, `scenario`, `query` (null in
    recommendation), `history_size`; in behaviors and candidates `item`, `queries` (the published
    numbers of all queries of the item) and `category` (the query with the fewest items, yet
    `pool_size` of them; else the one with the most); in behaviors also the `scenario` of the
    purchase; in candidates also `popularity`, the label `purchase`, and how many items of the
    history share the category (`category_matches`), share it and were bought in the session's
    scenario (`scenario_matches`), or belong to a query of the candidate, in the mean over those
    (`query_matches`). There is one label: the data have no clicks.

    Args:
        spec: The feature spec.
        input: The folder.
        options: Those that the catalog lists, as typed.
        seed: Seeds the users' split, the scenarios and the candidates.

    Raises:
        SourceError: If a file or an option is wrong, or if the spec needs another column.
    """
    chosen = Options("amazon_search", options)
    protocol = AmazonSearchProtocol.read(chosen)
    searched = read_searched_purchases(Path(input))
    users = protocol.split_users(searched.purchases, seed)
    pools = QueryNegatives(searched)
    scenarios = assign_scenarios(
        searched,
        pools,
        search_share=protocol.search_share,
        pool_size=protocol.pool_size,
        seed=seed,
    )
    reader = _Reader(searched, scenarios, protocol, pools, _counted(searched, users["train"]))
    splits = {split: reader.targets(members) for split, members in users.items()}
    for split, targets in splits.items():
        reader.check(split, targets)
    schema = arrow_schema(spec)
    readers = {
        split: functools.partial(reader.read, split, targets, schema, input, seed)
        for split, targets in splits.items()
    }
    described = _describe(input, protocol, searched, scenarios, splits)
    return SessionSource(readers, simulated=False, description=described)


class _Reader:
    """Reads splits: targets, what else there is of their users, and negatives."""

    def __init__(
        self,
        searched: SearchedPurchases,
        scenarios: PurchaseScenarios,
        protocol: AmazonSearchProtocol,
        pools: QueryNegatives,
        counted: Integers,
    ) -> None:
        self.purchases = searched.purchases
        self.scenarios = scenarios
        self.protocol = protocol
        self.pools = pools
        num_items = len(searched.purchases.items)
        weighted = np.concatenate([counted, np.arange(num_items)])
        self.any_items = NegativeItems(searched.bought, pool=weighted)
        self.cross = CrossCandidates(searched, scenarios, protocol.cross_candidates)
        self.rows = AmazonSearchSessions(
            searched,
            scenarios,
            _categories(searched, pools.sizes, protocol.pool_size),
            np.bincount(counted, minlength=num_items),
        )

    def targets(self, users: Integers) -> Integers:
        """All purchases of users."""
        return ranges(self.purchases.offsets[users], self.purchases.lengths[users])[1]

    def check(self, split: str, targets: Integers) -> None:
        """Checks that every target leaves enough negatives."""
        option = "train_negatives" if split == "train" else "test_negatives"
        users = self.purchases.owners[targets]
        self.any_items.check_count(self.protocol.negatives(split), users, option)

    def read(
        self, split: str, targets: Integers, schema: pa.Schema, where: str, seed: int
    ) -> Iterator[pa.RecordBatch]:
        """A pass over the sessions; every pass draws the same."""
        generator = np.random.default_rng([seed, SPLITS.index(split)])
        count = self.protocol.negatives(split)
        histories = self.purchases.lengths[self.purchases.owners[targets]]
        for part in bounded_slices(histories, _PURCHASES_PER_BATCH):
            others = self.cross.split(targets[part], count, generator)
            items = self._candidates(targets[part], others, count, generator)
            yield conform(self.rows.batch(targets[part], others, items), schema, where)

    def _candidates(
        self,
        targets: Integers,
        others: OtherPurchases,
        count: int,
        generator: np.random.Generator,
    ) -> Integers:
        """Items `[S, count + 1]`, the target's among them, in random order."""
        sequence, users = self.purchases.sequence, self.purchases.owners[targets]
        queries, is_search = self.scenarios.queries[targets], self.scenarios.is_search[targets]
        items = np.empty((len(targets), count + 1), np.int64)
        items[:, -1] = sequence[targets]
        for pool, rows in ((self.pools, is_search), (self.any_items, ~is_search)):
            items[rows, :-1] = pool.draw(users[rows], queries[rows], count, generator)
        items[others.shown_sessions, others.shown_places] = sequence[others.shown]
        order = np.argsort(generator.random(items.shape), axis=1)
        return np.take_along_axis(items, order, axis=1)


def _counted(searched: SearchedPurchases, users: Integers) -> Integers:
    """The items of all purchases of users."""
    purchases = searched.purchases
    return purchases.sequence[ranges(purchases.offsets[users], purchases.lengths[users])[1]]


def _categories(searched: SearchedPurchases, sizes: Integers, pool_size: int) -> Integers:
    """For each item the query that tells most about it."""
    of_queries = sizes[searched.queries]
    rank = np.where(of_queries >= pool_size, of_queries, 2 * sizes.max() + 1 - of_queries)
    order = np.lexsort((rank, searched.query_owners))
    return searched.queries[order][searched.offsets[:-1]]


def _describe(
    input: str,
    protocol: AmazonSearchProtocol,
    searched: SearchedPurchases,
    scenarios: PurchaseScenarios,
    splits: Mapping[str, Integers],
) -> dict[str, str | int | float]:
    is_search = scenarios.is_search
    return {
        "source": "amazon_search",
        "input": input,
        "setting": _SETTING,
        **dataclasses.asdict(protocol),
        "users": len(searched.purchases.users),
        "items": len(searched.purchases.items),
        "queries": len(searched.texts),
        "purchases": len(searched.purchases.sequence),
        "searches_without_pool": scenarios.without_pool,
        **{f"{split}_sessions": len(targets) for split, targets in splits.items()},
        **{f"{split}_searches": int(is_search[at].sum()) for split, at in splits.items()},
    }
