"""Runs the simulated shop, day by day."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_beliefs import DayBeliefs, Meetings
from ranking.sources.simulated_catalog import Catalog, Floats, Ints
from ranking.sources.simulated_choices import ChoiceModel, Shown
from ranking.sources.simulated_display import MOST_SHOWN, Display
from ranking.sources.simulated_memory import MEMORY_LENGTH, NOTHING, Behaviors, Memory
from ranking.sources.simulated_users import Users
from ranking.sources.simulated_visits import Visits
from ranking.sources.simulated_wants import ExclusiveWants

_SECONDS_PER_ITEM = 3  # a page of `MOST_SHOWN` items is done before the user's next session


@dataclasses.dataclass(frozen=True)
class SimulatedSessions:
    """S sessions in order of time; T is `MEMORY_LENGTH`, C is `MOST_SHOWN`.

    Attributes:
        visits: Who, when, where.
        query: `[S]`, the words asked for; empty in recommendation.
        behaviors: What the users had done before, newest at the right end.
        item: `[S, C]`, items shown; 0 beyond the length.
        length: `[S]`, number of items shown.
        popularity: `[S, C]`, clicks each item had got before the day.
        click_probability: `[S, C]`, the truth.
        order_probability: `[S, C]`, the truth.
        click: `[S, C]`, what happened.
        order: `[S, C]`, what happened.
    """

    visits: Visits
    query: NDArray[np.object_]
    behaviors: Behaviors
    item: Ints
    length: Ints
    popularity: Ints
    click_probability: Floats
    order_probability: Floats
    click: NDArray[np.bool_]
    order: NDArray[np.bool_]

    @property
    def is_shown(self) -> NDArray[np.bool_]:
        """`[S, C]`, where there is an item."""
        return np.asarray(np.arange(MOST_SHOWN) < self.length[:, None])


class Shop:
    """The simulated shop at work. Runs once: users' memories and popularity grow on the way.

    Args:
        catalog: The items.
        users: Who comes.
        memory: What the users did before.
        scenario_difference: See `ChoiceModel`.
        shared_items: See `Display`.
        wants: Which wants are acted on in one scenario alone.
        daily_behaviors: Whether behaviors become known when their day is over, not at once.
        rng: Source of everything random.
    """

    def __init__(
        self,
        catalog: Catalog,
        users: Users,
        memory: Memory,
        *,
        scenario_difference: float,
        shared_items: float,
        wants: ExclusiveWants,
        daily_behaviors: bool,
        rng: np.random.Generator,
    ) -> None:
        self._users = users
        self._memory = memory
        self._choices = ChoiceModel(catalog, scenario_difference)
        self._display = Display(catalog, users, shared_items)
        self._wants = wants
        self._daily_behaviors = daily_behaviors
        self._popularity = catalog.earlier_clicks.copy()
        self._rng = rng

    def serve(self, visits: Visits) -> SimulatedSessions:
        """Lets users ask, look, click and order, day by day.

        The sessions of one day are worked on together, except that a user's second session waits
        for the first one, and so on, because it depends on what was clicked there.
        """
        sessions = _empty_sessions(visits)
        for day in np.unique(visits.day):
            of_day = np.flatnonzero(visits.day == day)
            turns = visits.turn[of_day]
            in_turn = [of_day[turns == turn] for turn in range(int(turns.max()) + 1)]
            beliefs = DayBeliefs(self._wants.share)
            for rows in in_turn:
                self._serve_turn(sessions, rows, beliefs)
                if not self._daily_behaviors:
                    self._remember_clicks(sessions, rows)
            if self._daily_behaviors:
                for rows in in_turn:
                    self._remember_clicks(sessions, rows)
            clicked = sessions.item[of_day][sessions.click[of_day]]
            self._popularity += np.bincount(clicked, minlength=len(self._popularity))
        return sessions

    def _serve_turn(self, sessions: SimulatedSessions, rows: Ints, beliefs: DayBeliefs) -> None:
        """Fills `rows` of `sessions`, which belong to different users and one day."""
        visits = sessions.visits
        user, scenario, time = visits.user[rows], visits.scenario[rows], visits.time[rows]
        behaviors = self._memory.recall(user)
        queries = self._display.ask(user, scenario, self._rng)
        item, length = self._display.show(
            user, scenario, queries, behaviors, time, visits.day[rows], self._rng
        )
        shown = Shown(
            item=item,
            popularity=self._popularity[item],
            scenario=scenario,
            category=queries.category,
            intent=queries.intent,
            age_group=self._users.age_group[user],
            time=time,
        )
        chances = self._choices.probabilities(behaviors, shown, self._rng)
        is_shown = np.arange(MOST_SHOWN) < length[:, None]
        draw = self._rng.random(item.shape)
        draw = self._wants.chances(draw, user, item, visits.day[rows], scenario)
        # One draw decides both, so that an order implies a click.
        click, order = ((draw < chance) & is_shown for chance in chances)

        sessions.query[rows] = queries.text
        sessions.behaviors.item[rows] = behaviors.item
        sessions.behaviors.ordered[rows] = behaviors.ordered
        sessions.behaviors.time[rows] = behaviors.time
        sessions.item[rows], sessions.length[rows] = item, length
        sessions.popularity[rows] = shown.popularity
        sessions.click_probability[rows], sessions.order_probability[rows] = chances
        sessions.click[rows], sessions.order[rows] = click, order
        if self._wants.share:
            self._condition(sessions, rows, beliefs)

    def _condition(self, sessions: SimulatedSessions, rows: Ints, beliefs: DayBeliefs) -> None:
        """Makes the probabilities of `rows` those given the pages that users saw that day."""
        row, place = np.nonzero(sessions.is_shown[rows])
        row = rows[row]
        met = Meetings(
            user=sessions.visits.user[row],
            item=sessions.item[row, place],
            scenario=sessions.visits.scenario[row],
            click=sessions.click_probability[row, place],
            order=sessions.order_probability[row, place],
        )
        click, order = beliefs.probabilities(met)
        beliefs.observe(met, sessions.click[row, place], sessions.order[row, place])
        sessions.click_probability[row, place] = click
        sessions.order_probability[row, place] = order

    def _remember_clicks(self, sessions: SimulatedSessions, rows: Ints) -> None:
        for place in range(MOST_SHOWN):
            clicked = rows[sessions.click[rows, place]]
            self._memory.remember(
                sessions.visits.user[clicked],
                sessions.item[clicked, place],
                sessions.order[clicked, place],
                sessions.visits.time[clicked] + _SECONDS_PER_ITEM * (place + 1),
            )


def _empty_sessions(visits: Visits) -> SimulatedSessions:
    past, page = (len(visits.user), MEMORY_LENGTH), (len(visits.user), MOST_SHOWN)
    return SimulatedSessions(
        visits=visits,
        query=np.full(len(visits.user), "", np.object_),
        behaviors=Behaviors(
            np.full(past, NOTHING, np.int64), np.zeros(past, np.bool_), np.zeros(past, np.int64)
        ),
        item=np.zeros(page, np.int64),
        length=np.zeros(len(visits.user), np.int64),
        popularity=np.zeros(page, np.int64),
        click_probability=np.zeros(page),
        order_probability=np.zeros(page),
        click=np.zeros(page, np.bool_),
        order=np.zeros(page, np.bool_),
    )
