import numpy as np
import pytest

from pipelines.usr_reproduction.view_figure import view_places
from pipelines.usr_reproduction.view_spread import view_spread


def test_distances_are_those_of_a_loop_over_pairs():
    views = np.random.default_rng(3).normal(size=(7, 3, 5)) + np.arange(3)[None, :, None]
    between, within = [], []
    for i in range(7):
        for j in range(7):
            for k in range(3):
                for m in range(3):
                    distance = np.sqrt(((views[i, k] - views[j, m]) ** 2).sum())
                    if k != m:
                        between.append(distance)
                    elif i != j:
                        within.append(distance)
    found = view_spread(views)
    assert found.between == pytest.approx(np.mean(between))
    assert found.within == pytest.approx(np.mean(within))
    assert found.ratio == pytest.approx(np.mean(between) / np.mean(within))
    by_view = [views[:, k, d].var() for k in range(3) for d in range(5)]
    assert found.variance == pytest.approx(np.mean(by_view))


def test_views_that_are_points_apart_have_collapsed():
    collapsed = np.broadcast_to(np.array([[0.0, 1.0], [3.0, 1.0]]), (11, 2, 2))
    found = view_spread(collapsed)
    assert found.variance == 0.0 and found.within == 0.0 and np.isinf(found.ratio)
    assert found.shared_variance == 0.0


def test_views_that_do_not_differ_have_ratio_one():
    chance = np.random.default_rng(5)
    assert view_spread(chance.normal(size=(400, 2, 7))).ratio == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 2, 3), (5, 1, 3), (5, 3)])
def test_too_few_are_one_clear_error(shape):
    with pytest.raises(ValueError, match="at least two impressions in two views"):
        view_spread(np.zeros(shape))


def test_places_keep_views_and_impressions_where_they_were():
    views = np.random.default_rng(7).normal(size=(13, 2, 5))
    views[:, 1] += 50.0
    places = view_places(views)
    assert places.shape == (13, 2, 3) and np.isfinite(places).all()
    np.testing.assert_array_equal(places, view_places(views))


@pytest.mark.parametrize("width", [2, 5])
def test_copies_of_a_point_have_places_too(width):
    assert np.isfinite(view_places(np.ones((11, 2, width)))).all()
