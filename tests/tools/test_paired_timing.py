import time

import numpy as np
import pytest

from tools.paired_timing import spread, timed_in_turn


def test_ways_take_turns_and_the_order_turns_around():
    calls = []
    ways = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    taken = timed_in_turn(ways, 3, warm_up=2)
    assert "".join(calls) == "abcabc" + "abc" + "cba" + "abc"
    assert list(taken) == ["a", "b", "c"]
    assert all(way.seconds.shape == way.cpu_seconds.shape == (3,) for way in taken.values())


def test_waiting_takes_time_but_no_processor_and_warm_up_is_not_counted():
    waits = iter([0.5, 0.05, 0.05])
    taken = timed_in_turn({"wait": lambda: time.sleep(next(waits))}, 2)["wait"]
    assert np.all(taken.seconds >= 0.05) and np.all(taken.seconds < 0.45)
    assert np.all(taken.cpu_seconds < taken.seconds / 2)


def test_the_spread_is_that_of_the_quartiles():
    values = np.random.default_rng(1).permutation(np.arange(101.0))
    assert spread(values) == pytest.approx({"median": 50.0, "low": 25.0, "high": 75.0})
