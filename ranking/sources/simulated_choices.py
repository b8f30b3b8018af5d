"""How likely a simulated user is to click and to order what is shown: the known truth."""

import dataclasses

import numpy as np

from ranking.sources.simulated_catalog import Catalog, Floats, Ints
from ranking.sources.simulated_evidence import Evidence, gather_evidence
from ranking.sources.simulated_memory import Behaviors
from ranking.sources.simulated_words import CHEAP, POPULAR, PREMIUM

SEARCH, RECOMMENDATION = 0, 1

_PRICE_SENSITIVITY = np.array([1.5, 1.2, 0.9, 0.6])  # by age group
_TASTE_DEVIATION = 0.15  # of what a user likes about an item beyond all features
_CEILING = 0.95


@dataclasses.dataclass(frozen=True)
class Shown:
    """B sessions with C items each, entries beyond a session's length hold item 0.

    Attributes:
        item: `[B, C]`, items shown.
        popularity: `[B, C]`, clicks each had got before the day.
        scenario: `[B]`, `SEARCH` or `RECOMMENDATION`.
        category: `[B]`, category asked for; meaningless in recommendation.
        intent: `[B]`, what the query's first word says; `PLAIN` in recommendation.
        age_group: `[B]`, number of the user's age group.
        time: `[B]`, in seconds.
    """

    item: Ints
    popularity: Ints
    scenario: Ints
    category: Ints
    intent: Ints
    age_group: Ints
    time: Ints


class ChoiceModel:
    """The probabilities of click and order.

    Users who are new to a candidate's category follow popularity and price; users at home in it
    follow the brands, shops, styles and prices that they took before. Those who often order hold
    on to brands and shops, those who only look follow style and price.

    Args:
        catalog: The items.
        scenario_difference: At 0 search and recommendation weigh everything alike. At 1 a weight
            differs from its mean by about a third; at 3 by about the mean itself, so that most
            signals count double in one scenario and hardly, or the other way round, in the other.
    """

    def __init__(self, catalog: Catalog, scenario_difference: float) -> None:
        self._catalog = catalog
        self._difference = scenario_difference
        self._mean_popularity = np.log1p(catalog.earlier_clicks).mean()
        self._popularity_deviation = np.log1p(catalog.earlier_clicks).std()

    def probabilities(
        self, behaviors: Behaviors, shown: Shown, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Probabilities `[B, C]` of a click, and of an order (which needs a click)."""
        evidence = gather_evidence(self._catalog, behaviors, shown.item, shown.time)
        taste = rng.normal(0.0, _TASTE_DEVIATION, shown.item.shape)
        click = _CEILING * _sigmoid(self._click_logit(evidence, shown) + taste)
        return click, click * _sigmoid(self._conversion_logit(evidence, shown))

    def _click_logit(self, evidence: Evidence, shown: Shown) -> Floats:
        price = self._catalog.relative_price[shown.item]
        asked = shown.category[:, None] == self._catalog.category[shown.item]
        in_search = (shown.scenario == SEARCH)[:, None]
        habit = evidence.at_home * self._habit(evidence, shown.scenario)
        trend = (1.0 - evidence.at_home) * self._trend(evidence, shown)
        wish = np.select(
            [shown.intent[:, None] == intent for intent in (CHEAP, PREMIUM, POPULAR)],
            [-0.8 * price, 0.8 * price, 0.4 * self._popularity(shown)],
            0.0,
        )
        return (
            self._weigh(shown.scenario, -3.8, 0.2)
            + habit
            + trend
            + wish
            + self._weigh(shown.scenario, 1.0, -1.0) * evidence.interest
            + 0.4 * evidence.clicked
            - 1.0 * evidence.ordered
            - 1.5 * (in_search & ~asked)
            + self._catalog.quality[shown.item]
        )

    def _habit(self, evidence: Evidence, scenario: Ints) -> Floats:
        """What counts for users at home in a category."""
        holds_on = 0.5 + 1.5 * evidence.order_share
        looks_around = 1.4 - 1.2 * evidence.order_share
        return (
            holds_on * self._weigh(scenario, 3.8, 1.0) * evidence.brand
            + holds_on * self._weigh(scenario, 2.8, 0.8) * evidence.shop
            + looks_around * self._weigh(scenario, 3.2, -1.2) * evidence.style
            - looks_around * self._weigh(scenario, 3.2, 0.6) * evidence.price_distance
        )

    def _trend(self, evidence: Evidence, shown: Shown) -> Floats:
        """What counts for users who are new to a category."""
        sensitivity = _PRICE_SENSITIVITY[shown.age_group][:, None] * np.exp(-evidence.usual_price)
        return (
            self._weigh(shown.scenario, 1.0, -0.3) * self._popularity(shown)
            - self._weigh(shown.scenario, 1.6, 0.4)
            * sensitivity
            * self._catalog.relative_price[shown.item]
        )

    def _conversion_logit(self, evidence: Evidence, shown: Shown) -> Floats:
        at_home = evidence.at_home
        return (
            self._weigh(shown.scenario, -1.9, 0.4)
            + 0.8 * at_home * (evidence.brand + evidence.shop)
            - 0.6 * at_home * evidence.price_distance
            - 0.6 * (1.0 - at_home) * self._catalog.relative_price[shown.item]
            + 1.0 * evidence.order_share
        )

    def _popularity(self, shown: Shown) -> Floats:
        """Popularity on a scale with mean 0 and deviation 1 over the catalog."""
        centered = np.log1p(shown.popularity) - self._mean_popularity
        return np.asarray(centered / self._popularity_deviation)

    def _weigh(self, scenario: Ints, mean: float, difference: float) -> Floats:
        """A weight per session `[B, 1]`: `difference` more in search, less in recommendation."""
        sign = np.where(scenario == SEARCH, 1.0, -1.0)[:, None]
        return np.asarray(mean + self._difference * difference * sign)


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
