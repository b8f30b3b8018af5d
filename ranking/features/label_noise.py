"""Corrupts global labels, to see what a model makes of wrong ones."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ranking.features.candidate_keys import Keys, mixed


@dataclasses.dataclass(frozen=True)
class LabelNoise:
    """Replaces a share of the global labels by coins.

    A coin shows 1 as often as the task's global label is 1 among the split's candidates, so the
    noise takes information away and leaves the rate as it is. It decides for a key: candidates
    that share their global label share the coin. Tasks are corrupted independently. A corrupted
    label may be below the candidate's own label.

    Attributes:
        share: Share of keys whose label is replaced, from 0 to 1.
        seeds: Numbers of at least 0 that decide about all draws, together with task and key.
        rates: For each task, how often a coin shows 1.
    """

    share: float
    seeds: tuple[int, ...]
    rates: Mapping[str, float]

    def apply(self, task: str, keys: Keys, labels: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Maps keys and global labels `[N]` of a task to the labels with noise."""
        # Tasks are told apart by their place, which `rates` gives.
        place = list(self.rates).index(task)
        chosen, coin = np.random.SeedSequence((*self.seeds, place)).generate_state(2, np.uint64)
        is_replaced = _fractions(keys, chosen) < self.share
        shows_one = _fractions(keys, coin) < self.rates[task]
        return np.where(is_replaced, shows_one, labels)


def _fractions(keys: Keys, seed: np.uint64) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1), as if drawn at random, each by its key and the seed alone."""
    # A double holds 53 bits, so the lowest are dropped: rounding up could give 1.
    return np.asarray((mixed(keys ^ seed) >> np.uint64(11)).astype(np.float64) / 2.0**53)
