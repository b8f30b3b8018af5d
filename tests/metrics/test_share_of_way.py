import math

import pytest

from ranking.metrics.share_of_way import share_of_way


def test_popularity_is_the_start_and_the_oracle_the_end():
    assert share_of_way(0.6, popularity=0.6, oracle=0.8) == 0.0
    assert share_of_way(0.8, popularity=0.6, oracle=0.8) == pytest.approx(1.0)
    assert share_of_way(0.5, popularity=0.6, oracle=0.8) == pytest.approx(-0.5)


@pytest.mark.parametrize("values", [(0.7, 0.6, 0.6), (0.7, 0.6, 0.5), (0.7, math.nan, 0.9)])
def test_without_a_way_there_is_no_share(values):
    assert math.isnan(share_of_way(*values))
