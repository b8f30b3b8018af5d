"""Draws items of the target's category that a user never interacted with."""

import numpy as np

from ranking.sources.negative_items import Booleans, NegativeItems, Proposals
from ranking.sources.sequence_file import Integers, UserSequences


class CategoryNegatives(NegativeItems):
    """As `NegativeItems`, but of the category of the target, as far as it has enough items.

    Where the category leaves a user too few items, all of them are drawn and the rest comes from
    all other items. So does everything for a target without a category.

    Args:
        sequences: What users did.
        categories: For each item the number of its category; 0 stands for none.
        pool: Items to draw from, each as often as it weighs; every item once when left out.
    """

    def __init__(
        self, sequences: UserSequences, categories: Integers, *, pool: Integers | None = None
    ) -> None:
        super().__init__(sequences, pool=pool)
        self.categories = categories
        self._num_categories = int(categories.max(initial=0)) + 1
        of_pool = categories[self.pool]
        order = np.argsort(of_pool, kind="stable")
        self._by_category = self.pool[order]
        self._first = np.searchsorted(of_pool[order], np.arange(self._num_categories + 1))
        distinct = np.unique(self.pool)
        self._sizes = np.bincount(categories[distinct], minlength=self._num_categories)
        is_drawn = np.isin(sequences.sequence, distinct)
        owners, own = sequences.owners[is_drawn], sequences.sequence[is_drawn]
        self._own_in_category = np.sort(owners * self._num_categories + categories[own])

    def share_in_category(self, users: Integers, targets: Integers, count: int) -> float:
        """The share of `count` draws for each user that are of the target's category."""
        return float(np.minimum(self._available_in_category(users, targets), count).mean() / count)

    def _proposals(
        self, users: Integers, targets: Integers, count: int, generator: np.random.Generator
    ) -> Proposals:
        anything = super()._proposals(users, targets, count, generator)
        available, category = self._available_in_category(users, targets), self.categories[targets]

        def propose(rows: Integers, places: Booleans) -> Integers:
            items = anything(rows, places)
            is_alike = (np.arange(count) < available[rows, None])[places]
            chosen = np.repeat(category[rows], places.sum(axis=1))[is_alike]
            low, high = self._first[chosen], self._first[chosen + 1]
            items[is_alike] = self._by_category[generator.integers(low, high)]
            return items

        return propose

    def _available_in_category(self, users: Integers, targets: Integers) -> Integers:
        """How many items of the target's category each user leaves, 0 without a category."""
        category = self.categories[targets]
        keys = users * self._num_categories + category
        own = np.searchsorted(self._own_in_category, keys, side="right") - np.searchsorted(
            self._own_in_category, keys
        )
        return np.where(category > 0, self._sizes[category] - own, 0)
