"""Who comes to the simulated shop, when, and which page is opened."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from ranking.sources.simulated_catalog import Ints
from ranking.sources.simulated_users import SECONDS_PER_DAY, Users

START = 1_736_121_600  # 2025-01-06 00:00 UTC, a Monday
DAYS = {"train": 10, "validation": 1, "test": 3}

_LONGEST_VISIT = 5
_OPEN_SECONDS = 20 * 3600  # the rest of a day leaves room for the last visits
_SECONDS_APART = 60


@dataclasses.dataclass(frozen=True)
class Visits:
    """S sessions in order of time.

    Attributes:
        user: `[S]`, number of the user.
        scenario: `[S]`, 0 search, 1 recommendation.
        time: `[S]`, in seconds; sessions of one user are at least a minute apart.
        day: `[S]`, days since `START`.
        turn: `[S]`, how many sessions the user had earlier that day.
    """

    user: Ints
    scenario: Ints
    time: Ints
    day: Ints
    turn: Ints


def plan_visits(
    users: Users, sessions: Mapping[str, int], rng: np.random.Generator, *, search_share: float
) -> Visits:
    """Draws `sessions[split]` sessions on the days of each split, one split after the other.

    A visit is one to five sessions in a row, so that a user often meets both scenarios on a day.
    `search_share` of the sessions are searches.
    """
    user, time, first_day = [], [], 0
    share = users.activity**0.35
    for split, days in DAYS.items():
        count = sessions[split]
        visit = np.repeat(np.arange(count), _visit_lengths(count, rng))[:count]
        step = np.arange(count) - np.searchsorted(visit, visit)
        day = first_day + rng.integers(days, size=count)[visit]
        start = rng.integers(_OPEN_SECONDS, size=count)[visit]
        pauses = step * rng.integers(300, 1800, size=count)[visit]
        user.append(rng.choice(users.size, size=count, p=share / share.sum())[visit])
        time.append(START + day * SECONDS_PER_DAY + start + pauses)
        first_day += days
    return _in_order(np.concatenate(user), np.concatenate(time), rng, search_share)


def _visit_lengths(count: int, rng: np.random.Generator) -> Ints:
    return np.minimum(rng.geometric(0.5, size=count), _LONGEST_VISIT)


def _in_order(user: Ints, time: Ints, rng: np.random.Generator, search_share: float) -> Visits:
    """Moves sessions of one user apart, then sorts all by time."""
    order = np.lexsort((time, user))
    user, time = user[order], time[order]
    rank = np.arange(len(user)) - np.searchsorted(user, user)
    # A running maximum within each user: users are further apart than any two times.
    offset = user * (2 * sum(DAYS.values()) * SECONDS_PER_DAY + len(user) * _SECONDS_APART)
    latest = np.maximum.accumulate(time - rank * _SECONDS_APART + offset)
    time = latest - offset + rank * _SECONDS_APART

    day = (time - START) // SECONDS_PER_DAY
    user_day = user * (int(day.max(initial=0)) + 1) + day
    turn = np.arange(len(user)) - np.searchsorted(user_day, user_day)
    order = np.lexsort((user, time))
    return Visits(
        user=user[order],
        scenario=_draw_scenarios(len(user), search_share, rng),
        time=time[order],
        day=day[order],
        turn=turn[order],
    )


def _draw_scenarios(size: int, search_share: float, rng: np.random.Generator) -> Ints:
    if search_share == 0.5:  # The demo's data were drawn this way.
        return rng.integers(2, size=size)
    return (rng.random(size) >= search_share).astype(np.int64)
