"""Which of a user's other purchases a session shows, and which are its history."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ranking.sources.amazon_search_files import SearchedPurchases
from ranking.sources.amazon_search_scenarios import NO_QUERY, PurchaseScenarios
from ranking.sources.flat_lists import spans
from ranking.sources.sequence_file import Integers


@dataclasses.dataclass(frozen=True)
class OtherPurchases:
    """For sessions, the user's purchases beside the target, each with the number of its session.

    Attributes:
        history_sessions: Sessions of the purchases in histories, in increasing order.
        history: Those purchases.
        shown_sessions: Sessions of the purchases that are candidates, in increasing order.
        shown: Those purchases.
        shown_places: For each of them how many the session shows before it.
    """

    history_sessions: Integers
    history: Integers
    shown_sessions: Integers
    shown: Integers
    shown_places: Integers


class CrossCandidates:
    """Maps targets to what else their users bought: some of it is shown, the rest is history.

    A session shows purchases that the user made in the other scenario, as a page does that two
    surfaces share: not bought here, but bought. Each is shown with the same chance. A search only
    shows what belongs to its query, so that not belonging never tells a label. At most half of the
    negatives are such, and at least one purchase stays in the history. What is shown is not in the
    history, as the target is not: having been bought never tells a label either.

    Args:
        searched: Who bought what.
        scenarios: The scenario of each purchase.
        chance: Chance of a purchase to be shown.
    """

    def __init__(
        self, searched: SearchedPurchases, scenarios: PurchaseScenarios, chance: float
    ) -> None:
        self.searched = searched
        self.scenarios = scenarios
        self.chance = chance
        self._owners = searched.purchases.owners
        self._in_query = searched.query_owners * len(searched.texts) + searched.queries

    def split(
        self, targets: Integers, negatives: int, generator: np.random.Generator
    ) -> OtherPurchases:
        """Maps targets `[S]`, numbers of purchases, to the other purchases of their users.

        Args:
            targets: The purchases that sessions are about.
            negatives: Candidates beside the target.
            generator: Decides what is shown.
        """
        offsets = self.searched.purchases.offsets
        sessions, others = spans(offsets, self._owners[targets])
        is_other = others != targets[sessions]
        sessions, others = sessions[is_other], others[is_other]
        draws = generator.random(len(others))
        wanted = np.flatnonzero((draws < self.chance) & self._may_show(targets[sessions], others))
        # Where chance takes too many, those it took most surely stay.
        wanted = wanted[np.lexsort((draws[wanted], sessions[wanted]))]
        places = _places(sessions[wanted])
        kept = np.bincount(sessions, minlength=len(targets)) - 1
        fits = places < np.minimum(negatives // 2, kept[sessions[wanted]])
        shown, places = wanted[fits], places[fits]
        is_history = np.ones(len(others), np.bool_)
        is_history[shown] = False
        return OtherPurchases(
            history_sessions=sessions[is_history],
            history=others[is_history],
            shown_sessions=sessions[shown],
            shown=others[shown],
            shown_places=places,
        )

    def _may_show(self, targets: Integers, others: Integers) -> npt.NDArray[np.bool_]:
        queries = self.scenarios.queries[targets]
        items = self.searched.purchases.sequence[others]
        belongs = np.isin(items * len(self.searched.texts) + queries, self._in_query)
        is_search = self.scenarios.is_search
        return (is_search[targets] != is_search[others]) & ((queries == NO_QUERY) | belongs)


def _places(groups: Integers) -> Integers:
    """How many equal numbers come before each, in increasing numbers."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)
