import math
import statistics

import pytest

from ranking.metrics.seed_spread import seed_spread


def test_spread_is_that_of_the_sample():
    values = [0.83, 0.81, 0.85, 0.84, 0.79]
    spread = seed_spread(values)
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.sd == pytest.approx(statistics.stdev(values))
    assert (spread.low, spread.high, spread.seeds) == (0.79, 0.85, 5)


def test_one_seed_says_nothing_of_the_spread():
    spread = seed_spread([0.8])
    assert math.isnan(spread.sd) and (spread.mean, spread.low, spread.high) == (0.8, 0.8, 0.8)


def test_no_seed_is_an_error():
    with pytest.raises(ValueError, match="at least one seed"):
        seed_spread([])
