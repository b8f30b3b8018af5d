"""What the earlier pages of a day tell about wants that have one place."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import Floats, Ints

_Bools = NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Meetings:
    """N items that users meet at one time, no pair of user and item twice.

    Attributes:
        user: `[N]`, number of the user.
        item: `[N]`, number of the item.
        scenario: `[N]`, 0 or 1, where they meet.
        click: `[N]`, probability of a click if the want is not exclusive.
        order: `[N]`, probability of an order if it is not; at most that of a click.
    """

    user: Ints
    item: Ints
    scenario: Ints
    click: Floats
    order: Floats


class DayBeliefs:
    """Probabilities of clicks and orders given the pages before them, by Bayes' rule.

    A pair of user and item is one of three on a day: not exclusive, with a draw of its own on every
    page; or exclusive with its place in either scenario, with one draw for all pages there and no
    act on the others (see `ExclusiveWants`). What happened has a likelihood under each: for the
    first the product over pages; for the others the length of the interval where the draw must lie.

    Args:
        share: Share of the pairs that are exclusive, from 0 to 1.
    """

    def __init__(self, share: float) -> None:
        self._exclusive, self._apart = share / 2.0, 1.0 - share
        self._rows: dict[tuple[int, int], int] = {}
        # For each pair: the likelihood if not exclusive; where the draw lies for either place.
        self._likelihood = np.ones(0)
        self._low, self._high = np.zeros((0, 2)), np.ones((0, 2))

    def probabilities(self, met: Meetings) -> tuple[Floats, Floats]:
        """Probabilities `[N]` of a click and of an order, given all pages observed so far."""
        rows, own = self._rows_of(met), met.scenario[:, None]
        apart = self._apart * self._likelihood[rows]
        low, high = self._low[rows], self._high[rows]
        evidence = apart + self._exclusive * (high - low).sum(axis=1)
        low, high = (np.take_along_axis(end, own, 1)[:, 0] for end in (low, high))

        def given(level: Floats) -> Floats:
            lasting = (np.minimum(level, high) - low).clip(0.0)
            return np.asarray((apart * level + self._exclusive * lasting) / evidence)

        return given(met.click), given(met.order)

    def observe(self, met: Meetings, clicked: _Bools, ordered: _Bools) -> None:
        """Takes in what happened, `[N]` each."""
        rows, own = self._rows_of(met), met.scenario
        # The draw was below the probability of the order, between the two, or above both.
        begin = np.where(ordered, 0.0, np.where(clicked, met.order, met.click))
        end = np.where(ordered, met.order, np.where(clicked, met.click, 1.0))
        self._likelihood[rows] *= end - begin
        self._low[rows, own] = np.maximum(self._low[rows, own], begin)
        self._high[rows, own] = np.minimum(self._high[rows, own], end)
        impossible = (self._low > self._high)[rows, own]
        self._high[rows[impossible], own[impossible]] = self._low[rows[impossible], own[impossible]]
        elsewhere = rows[clicked], 1 - own[clicked]
        self._high[elsewhere] = self._low[elsewhere]

    def _rows_of(self, met: Meetings) -> Ints:
        """Where the pairs are kept; new ones get a place."""
        known = self._rows
        pairs = zip(met.user.tolist(), met.item.tolist(), strict=True)
        rows = np.array([known.setdefault(pair, len(known)) for pair in pairs], np.int64)
        new = len(known) - len(self._likelihood)
        self._likelihood = np.append(self._likelihood, np.ones(new))
        self._low = np.append(self._low, np.zeros((new, 2)), axis=0)
        self._high = np.append(self._high, np.ones((new, 2)), axis=0)
        return rows
