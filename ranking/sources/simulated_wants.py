"""Wants that simulated users act on in one scenario alone, wherever they meet the item."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ranking.sources.simulated_catalog import Floats, Ints

_Words = NDArray[np.uint64]

_IS_EXCLUSIVE, _PLACE, _CHANCE = 1, 2, 3
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclasses.dataclass(frozen=True)
class ExclusiveWants:
    """For a share of what a user may want on a day, one scenario is the place to act on it.

    Such a want is the same on every page of the day: whoever wants an item in search wants it in
    recommendation too, as far as the probabilities allow, and yet clicks in one of the two alone. A
    label of the other scenario says nothing about the want, the global label of both does.

    Args:
        share: Share of pairs of user and item that are so on a day. At 0 every page is a draw of
            its own.
        seed: Seeds which pairs they are and what becomes of them.
    """

    share: float
    seed: int

    def chances(self, chance: Floats, user: Ints, item: Ints, day: Ints, scenario: Ints) -> Floats:
        """Numbers to hold against the probabilities of what is not exclusive: below is an act.

        Args:
            chance: `[B, C]`, uniform draws for what is not exclusive.
            user: `[B]`, number of the user.
            item: `[B, C]`, items shown.
            day: `[B]`, number of the day.
            scenario: `[B]`, 0 or 1.

        Returns:
            `[B, C]`: `chance`; where the want is exclusive a draw that all pages of the day share,
            or 1 on the pages of the other scenario.
        """
        if not self.share:
            return chance
        pairs = _mixed(_mixed(_words(user)[:, None], _words(day)[:, None]), _words(item))
        is_exclusive = self._fractions(pairs, _IS_EXCLUSIVE) < self.share
        is_place = (self._fractions(pairs, _PLACE) < 0.5) == (scenario == 0)[:, None]
        lasting = np.where(is_place, self._fractions(pairs, _CHANCE), 1.0)
        return np.where(is_exclusive, lasting, chance)

    def _fractions(self, pairs: _Words, purpose: int) -> Floats:
        """Words -> fractions in [0, 1), as if drawn at random for every purpose anew."""
        salt = _mixed(_words(np.array(self.seed)), _words(np.array(purpose)))
        # A double holds 53 bits.
        bits = _mixed(pairs, salt) >> np.uint64(11)
        return np.asarray(bits.astype(np.float64) / 2.0**53)


def _words(numbers: Ints) -> _Words:
    return numbers.astype(np.uint64)


def _mixed(first: _Words, second: _Words) -> _Words:
    """Two words to one whose bits all depend on both: the finalizer of SplitMix64."""
    with np.errstate(over="ignore"):  # Modulo 2 ** 64 is meant.
        word = first * _GOLDEN + second + _GOLDEN
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(word ^ (word >> np.uint64(31)))
