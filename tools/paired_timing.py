"""Ways of doing something, timed in turn, so that what else the machine does meets all alike."""

import dataclasses
import time
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Timed:
    """What the calls of one way took, one number per repetition.

    Attributes:
        seconds: Time on the wall.
        cpu_seconds: Time that this process had of processors, which others may share.
    """

    seconds: Numbers
    cpu_seconds: Numbers


def timed_in_turn(
    ways: Mapping[str, Callable[[], object]], repetitions: int, *, warm_up: int = 1
) -> dict[str, Timed]:
    """Calls every way a few times -> what each call took, by way.

    Repetition i calls every way once, in an order that turns around from one to the next: none is
    always the one that finds the caches as another left them.

    Args:
        ways: Functions by name.
        repetitions: Timed calls of each.
        warm_up: Calls of each before that, which are not timed.
    """
    for _ in range(warm_up):
        for call in ways.values():
            call()
    taken: dict[str, list[Numbers]] = {name: [] for name in ways}
    for repetition in range(repetitions):
        for name in list(ways)[:: -1 if repetition % 2 else 1]:
            start = _clocks()
            ways[name]()
            taken[name].append(_clocks() - start)
    return {name: Timed(*np.array(each).T) for name, each in taken.items()}


def spread(values: Numbers) -> dict[str, float]:
    """The median with the quartiles around it.

    Example:
    >>> spread(np.array([4.0, 1.0, 3.0, 2.0, 100.0]))
    {'median': 3.0, 'low': 2.0, 'high': 4.0}
    """
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return {"median": median, "low": low, "high": high}


def _clocks() -> Numbers:
    return np.array([time.perf_counter(), time.process_time()])
