"""What the simulated shop is asked for, and what it shows."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import CATEGORIES, Catalog, Ints
from ranking.sources.simulated_choices import SEARCH
from ranking.sources.simulated_evidence import recency
from ranking.sources.simulated_memory import NOTHING, Behaviors
from ranking.sources.simulated_users import Users
from ranking.sources.simulated_words import CATEGORY_WORDS, INTENT_WORDS, PLAIN

MOST_SHOWN = 15
FEWEST_SHOWN = 5

_DRAWS = 40  # enough to find `MOST_SHOWN` different items in a small category
_INTENT_SHARES = (0.55, 0.18, 0.12, 0.15)
_STRAY_SHARE = 0.06  # of search results that are not in the category asked for
_RECENT_SHARE, _TASTE_SHARE = 0.45, 0.25  # of recommendations; the others are for everybody
_RECENT_DAYS = 7.0


@dataclasses.dataclass(frozen=True)
class Queries:
    """What B sessions ask for.

    Attributes:
        category: `[B]`, category asked for.
        intent: `[B]`, `PLAIN`, `CHEAP`, `PREMIUM` or `POPULAR`.
        text: `[B]`, the words; empty in recommendation.
    """

    category: Ints
    intent: Ints
    text: list[str]


class Display:
    """The shop's pages: queries come in, items are shown.

    Args:
        catalog: The items.
        users: Who comes.
        shared_items: Share of a page's places that repeat items of the page that the user saw
            last in the other scenario that day, where there is such a page; in search only items
            of the category asked for.
    """

    def __init__(self, catalog: Catalog, users: Users, shared_items: float) -> None:
        self._catalog = catalog
        self._users = users
        self._shared_items = shared_items
        self._page = np.zeros((2, users.size, MOST_SHOWN), np.int64)
        self._page_length = np.zeros((2, users.size), np.int64)
        self._page_day = np.full((2, users.size), NOTHING, np.int64)

    def ask(self, user: Ints, scenario: Ints, rng: np.random.Generator) -> Queries:
        """Draws queries `[B]`: more than half are about a user's interests."""
        own = self._users.interests[user, self._users.draw_interests(user, rng)]
        category = np.where(rng.random(user.shape) < 0.6, own, self._draw_categories(user, rng))
        intent = rng.choice(len(INTENT_WORDS), size=user.shape, p=_INTENT_SHARES)
        intent = np.where(scenario == SEARCH, intent, PLAIN)
        choices = rng.random((len(user), 2))
        text = [
            _query_text(*row) if in_search else ""
            for in_search, *row in zip(
                (scenario == SEARCH).tolist(),
                category.tolist(),
                intent.tolist(),
                *choices.T.tolist(),
                strict=True,
            )
        ]
        return Queries(category, intent, text)

    def show(
        self,
        user: Ints,
        scenario: Ints,
        queries: Queries,
        behaviors: Behaviors,
        time: Ints,
        day: Ints,
        rng: np.random.Generator,
    ) -> tuple[Ints, Ints]:
        """Draws pages: items `[B, MOST_SHOWN]`, 0 beyond the length, and lengths `[B]`."""
        places = np.where(
            (scenario == SEARCH)[:, None],
            self._searched_categories(queries, rng),
            self._recommended_categories(user, behaviors, time, rng),
        )
        items = self._catalog.draw_items(places, rng)
        items = self._repeat_other_page(items, user, scenario, queries, day, rng)
        wanted = np.rint(rng.normal(10.0, 2.2, len(user))).astype(np.int64)
        page, length = _without_repeats(items, np.clip(wanted, FEWEST_SHOWN, MOST_SHOWN))
        self._page[scenario, user] = page
        self._page_length[scenario, user] = length
        self._page_day[scenario, user] = day
        return page, length

    def _draw_categories(self, like: Ints, rng: np.random.Generator) -> Ints:
        return rng.choice(CATEGORIES, size=like.shape, p=self._catalog.category_share)

    def _searched_categories(self, queries: Queries, rng: np.random.Generator) -> Ints:
        places = np.repeat(queries.category[:, None], _DRAWS, axis=1)
        stray = rng.random(places.shape) < _STRAY_SHARE
        return np.where(stray, self._draw_categories(places, rng), places)

    def _recommended_categories(
        self, user: Ints, behaviors: Behaviors, time: Ints, rng: np.random.Generator
    ) -> Ints:
        """Categories of recent behaviors, of the user's taste, and any."""
        users = np.repeat(user[:, None], _DRAWS, axis=1)
        taste = self._users.interests[users, self._users.draw_interests(users, rng)]
        anything = self._draw_categories(users, rng)
        recent = self._catalog.category[_draw_recent(behaviors.trimmed(), time, rng)]
        has_recent = (behaviors.lengths > 0)[:, None]
        kind = rng.random(users.shape)
        return np.where(
            has_recent & (kind < _RECENT_SHARE),
            recent,
            np.where(kind > 1.0 - _TASTE_SHARE, taste, anything),
        )

    def _repeat_other_page(
        self,
        items: Ints,
        user: Ints,
        scenario: Ints,
        queries: Queries,
        day: Ints,
        rng: np.random.Generator,
    ) -> Ints:
        """Puts items of the other scenario's page in; search takes only what was asked for."""
        other = 1 - scenario
        length = self._page_length[other, user]
        pick = (rng.random(items.shape) * length[:, None]).astype(np.int64)
        seen = np.take_along_axis(self._page[other, user], pick, axis=1)
        fits = self._catalog.category[seen] == queries.category[:, None]
        allowed = fits | (scenario != SEARCH)[:, None]
        same_day = (self._page_day[other, user] == day)[:, None]
        repeated = same_day & allowed & (rng.random(items.shape) < self._shared_items)
        return np.where(repeated, seen, items)


def _query_text(category: int, intent: int, name_choice: float, intent_choice: float) -> str:
    """For example `cheap phone`. Squaring prefers the first names, which are the usual ones."""
    names, intents = CATEGORY_WORDS[category], INTENT_WORDS[intent]
    name = names[int(name_choice**2 * len(names))]
    return f"{intents[int(intent_choice * len(intents))]} {name}".strip()


def _draw_recent(behaviors: Behaviors, time: Ints, rng: np.random.Generator) -> Ints:
    """Draws items `[B, _DRAWS]` out of the behaviors, recent ones more often."""
    if behaviors.item.shape[1] == 0:
        return np.zeros((len(time), _DRAWS), np.int64)
    cumulative = np.cumsum(recency(behaviors, time, _RECENT_DAYS), axis=1)
    points = rng.random((len(time), _DRAWS)) * cumulative[:, -1:]
    rank = (cumulative[:, None, :] <= points[:, :, None]).sum(axis=2)
    rank = np.minimum(rank, behaviors.item.shape[1] - 1)
    return np.take_along_axis(behaviors.item, rank, axis=1)


def _without_repeats(items: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """Keeps the first `wanted[b]` different items of each row `[B, N]`."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    is_new = np.ones(items.shape, np.bool_)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    is_first = np.empty_like(is_new)
    np.put_along_axis(is_first, order, is_new, axis=1)
    place = np.cumsum(is_first, axis=1) - 1
    kept: NDArray[np.bool_] = is_first & (place < wanted[:, None])
    page = np.zeros((len(items), MOST_SHOWN), np.int64)
    rows = np.nonzero(kept)[0]
    page[rows, place[kept]] = items[kept]
    return page, kept.sum(axis=1)
