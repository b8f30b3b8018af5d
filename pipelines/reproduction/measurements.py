"""Means and comparisons of a reproduction's systems, each computed once."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.reproduction.evaluated_sets import TestSet
from pipelines.reproduction.evaluated_systems import EvaluatedSystems
from ranking.metrics.comparison import Comparison, compare_systems
from ranking.metrics.seed_spread import SeedSpread, seed_spread

Array = npt.NDArray[np.float64]


class Measurements:
    """Answers what the tables ask, and keeps the answers.

    Args:
        systems: The evaluated runs.
        test_sets: The sets they are measured on, the full one first.
        draws: How often each comparison redraws users.
    """

    def __init__(
        self, systems: EvaluatedSystems, test_sets: list[TestSet], *, draws: int = 10_000
    ) -> None:
        self.systems = systems
        self.test_sets: Mapping[str, TestSet] = {each.key: each for each in test_sets}
        self._draws = draws
        self._spreads: dict[tuple[str, str, str], SeedSpread] = {}
        self._comparisons: dict[tuple[str, ...], Comparison] = {}

    def spread(self, system: str, metric: str, test_set: str) -> SeedSpread | None:
        """A metric of a system over its seeds; `None` where system, set or values are missing."""
        values = self._values(system, metric, test_set)
        if values is None or np.isnan(values).all(axis=1).any():
            return None
        key = (system, metric, test_set)
        if key not in self._spreads:
            self._spreads[key] = seed_spread(np.nanmean(values, axis=1).tolist())
        return self._spreads[key]

    def compare(self, base: str, other: str, metric: str, test_set: str) -> Comparison | None:
        """How much better `other` is than `base`; `None` where something is missing."""
        key = (base, other, metric, test_set)
        if key not in self._comparisons:
            before = self._values(base, metric, test_set)
            after = self._values(other, metric, test_set)
            if before is None or after is None:
                return None
            users = self._users(self.test_sets[test_set].sessions)
            self._comparisons[key] = compare_systems(
                list(before), list(after), users, draws=self._draws
            )
        return self._comparisons[key]

    def compare_gains(self, base: str, other: str, metric: str, test_set: str) -> Comparison | None:
        """How much larger the gain of `other` over `base` is in a set than over all sessions.

        The difference of the mean of a set and that of all S sessions is one mean over all: of each
        value times (S / sessions of the set where it belongs to the set, else 0) - 1. So the
        gains' difference is compared like a gain. How many of the sessions that chance draws
        belong to the set changes nothing in a ratio of sums; what takes this out of the values
        (their linearization) has mean 0 and leaves the difference as it is.
        """
        key = (base, other, metric, test_set, "gains")
        if key not in self._comparisons:
            full = next(iter(self.test_sets))
            before, after = self._values(base, metric, full), self._values(other, metric, full)
            if before is None or after is None or test_set not in self.test_sets:
                return None
            known = ~np.isnan(np.concatenate([before, after])).any(axis=0)
            members = self.test_sets[test_set].sessions[known]
            if not members.any():
                return None
            before, after = before[:, known], after[:, known]
            share = np.where(members, len(members) / members.sum(), 0.0)
            gains = after.mean(axis=0) - before.mean(axis=0)
            constant = (share - 1.0) * gains[members].mean()
            self._comparisons[key] = compare_systems(
                list(before * (share - 1.0)),
                list(after * (share - 1.0) - constant),
                self._users(known),
                draws=self._draws,
            )
        return self._comparisons[key]

    def document(self) -> dict[str, Any]:
        """Everything that was asked so far, for JSON."""
        spreads: dict[str, Any] = {}
        for (system, metric, test_set), spread in self._spreads.items():
            by_system = spreads.setdefault(test_set, {}).setdefault(system, {})
            by_system[metric] = dataclasses.asdict(spread)
        names = ("base", "other", "metric", "test_set", "kind")
        comparisons = [
            {
                **dict(zip(names, (*key, "metric")[:5], strict=True)),
                **_numbers(comparison),
            }
            for key, comparison in self._comparisons.items()
        ]
        return {"metrics": spreads, "comparisons": comparisons}

    def _values(self, system: str, metric: str, test_set: str) -> Array | None:
        """`[seeds, sessions of the set]`."""
        runs = self.systems.runs.get(system)
        if not runs or test_set not in self.test_sets:
            return None
        chosen = self.test_sets[test_set].sessions
        return np.stack([run.metrics[metric][chosen] for run in runs.values()])

    def _users(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.generic] | None:
        users = self.systems.sessions.users
        return None if users is None else users[chosen]


def _numbers(comparison: Comparison) -> dict[str, Any]:
    """A comparison without its verdict, which is for one family of comparisons alone."""
    document = dataclasses.asdict(comparison)
    for name in ("verdict", "p_value_holm", "base", "other"):
        del document[name]
    return document
