"""What `bench_training` is asked to measure, and what it measured."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.paired_timing import spread


@dataclasses.dataclass(frozen=True)
class BenchSizes:
    """Sizes of what is measured.

    Attributes:
        impressions: Impressions of a step, about: sessions stay whole.
        batch_parts: Parts of a step's batch that are computed side by side.
        candidates: Candidates of every session.
        behaviors: Behaviors of every session.
        long_behaviors: Behaviors of a long history.
        table_rows: Rows of the tables of items and queries.
        large_tables: Rows of larger tables of items.
        sessions: Sessions of the records.
        repetitions: How often every way is timed.
        steps: Steps that are timed at once.
        seed: Seeds weights and sessions.
    """

    impressions: int
    batch_parts: int
    candidates: int
    behaviors: int
    long_behaviors: int
    table_rows: int
    large_tables: tuple[int, ...]
    sessions: int
    repetitions: int
    steps: int
    seed: int

    @property
    def step_sessions(self) -> int:
        """Sessions of a step."""
        return max(1, round(self.impressions / self.candidates))

    @property
    def step_impressions(self) -> int:
        """Impressions of a step, exactly."""
        return self.step_sessions * self.candidates


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of the report, with the quartiles of its repetitions around it.

    Attributes:
        name: What was measured.
        unit: What it is counted in; empty for a ratio.
        median: The number.
        low: Lower quartile.
        high: Upper quartile.
        goal: What it should be, in words; empty where nothing is asked of it.
    """

    name: str
    unit: str
    median: float
    low: float
    high: float
    goal: str = ""


def measured(
    name: str, unit: str, values: npt.NDArray[np.float64] | Sequence[float], goal: str = ""
) -> Measure:
    """Repetitions of one number -> the measure."""
    return Measure(name, unit, goal=goal, **spread(np.asarray(values, np.float64)))


def counted(name: str, unit: str, value: float, goal: str = "") -> Measure:
    """A number that is the same at every repetition -> the measure."""
    return Measure(name, unit, float(value), float(value), float(value), goal)


def documented(measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """Measures -> what the JSON holds of them."""
    return [dataclasses.asdict(measure) for measure in measures]
