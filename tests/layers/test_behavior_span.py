import keras
import numpy as np
import pytest

from ranking.layers.behavior_span import behavior_span, check_share

T = 11


def span(mask, share, seed=1):
    return np.asarray(behavior_span(np.asarray(mask), share, keras.random.SeedGenerator(seed)))


def masks(gaps=False):
    """Sessions of every length, many of each; with gaps where they are not padded at the end."""
    lengths = np.arange(T + 1).repeat(401)
    mask = np.arange(T) < lengths[:, None]
    if gaps:
        mask = np.random.default_rng(2).permuted(mask, axis=1)
    return mask


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_span_holds_its_share_of_the_behaviors_in_a_row(share, gaps):
    mask = masks(gaps)
    for real, marked in zip(mask, span(mask, share), strict=True):
        assert not (marked & ~real).any()
        number = real.sum()
        expected = max(int(np.floor(number * share + 1e-9)), min(number, 1))
        assert marked.sum() == expected
        of_real = marked[real]
        assert np.abs(np.diff(of_real.astype(int))).sum() <= 2 - of_real[:1].sum()


def test_every_start_is_equally_likely():
    mask = np.arange(T) < np.full(20011, 7)[:, None]
    starts = span(mask, 0.5).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(starts, minlength=T)[:5] / 20011, 0.2, atol=0.02)


def test_a_share_that_float32_rounds_down_is_meant():
    mask = np.ones((1, 10), bool)
    for tenths in range(1, 11):
        assert span(mask, tenths / 10).sum() == tenths


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_nothing_at_all_is_fine(shape):
    assert span(np.ones(shape, bool), 0.5).shape == shape


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, float("nan")])
def test_bad_shares_are_refused(share):
    with pytest.raises(ValueError, match="`share` must be above 0 and at most 1"):
        check_share("share", share)
