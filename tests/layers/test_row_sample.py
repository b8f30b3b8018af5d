import keras
import numpy as np
import pytest

from ranking.layers.row_sample import RowSample

VALID = np.array([True, False, True, True, False, True, True])


def _draw(layer, valid):
    rows, mask = layer(valid)
    return keras.ops.convert_to_numpy(rows), keras.ops.convert_to_numpy(mask)


def test_valid_rows_come_first_and_once():
    rows, mask = _draw(RowSample(6, seed=3), VALID)
    assert mask.tolist() == [True] * 5 + [False]
    assert sorted(rows[:5]) == [0, 2, 3, 5, 6]
    assert rows[5] in (1, 4)


def test_no_more_rows_than_there_are():
    rows, mask = _draw(RowSample(11, seed=3), VALID)
    assert sorted(rows) == list(range(7))
    assert mask.sum() == 5


def test_every_valid_row_has_the_same_chance():
    layer = RowSample(2, seed=5)
    counts = np.zeros(7)
    for _ in range(1000):
        rows, mask = _draw(layer, VALID)
        assert mask.all()
        counts[rows] += 1
    assert counts[~VALID].sum() == 0
    np.testing.assert_allclose(counts[VALID], 400, atol=70)


def test_nothing_valid_is_said():
    assert not _draw(RowSample(3), np.zeros(5, bool))[1].any()


def test_the_same_seed_draws_the_same_and_calls_differ():
    first, second = RowSample(5, seed=7), RowSample(5, seed=7)
    drawn = [_draw(layer, np.ones(997, bool))[0].tolist() for layer in (first, second, second)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_it_is_made_again_from_its_config():
    layer = RowSample(3, seed=2, name="rows")
    assert RowSample.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("shape", [(2, 3), ()])
def test_a_mask_of_another_rank_is_refused(shape):
    with pytest.raises(ValueError, match=r"takes `valid` of shape \(N,\)"):
        RowSample(2)(np.ones(shape, bool))


def test_a_count_below_one_is_refused():
    with pytest.raises(ValueError, match="`count` must be"):
        RowSample(0)
