import numpy as np
import pytest

from ranking.training.flat_batch import ScoreError, flat_batch
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec

SPEC = evaluation_spec()


@pytest.fixture
def batch():
    return encoded_batch(31, seed=1, empty=3)


def _constant(batch, value=0.5):
    return np.full(batch["labels_click"].shape, value)


def test_padding_is_left_out(batch):
    hint = batch["candidates_click_probability"]
    flat = flat_batch({"order": hint, "click": _constant(batch)}, batch, SPEC)
    lengths = batch["candidates_length"]
    assert flat.present.tolist() == [True] * 31 + [False] * 3
    assert flat.lengths.tolist() == lengths[:31].tolist()
    assert list(flat.labels) == ["click", "order"]  # in the order of the spec
    expected = np.concatenate([hint[row, :length] for row, length in enumerate(lengths)])
    np.testing.assert_array_equal(flat.scores["model"]["order"], expected)
    assert flat.scores["model"]["order"].dtype == np.float32
    np.testing.assert_array_equal(flat.scores["oracle"]["click"], expected)
    assert set(flat.scores["oracle"]) == {"click"}
    assert set(flat.scores["popularity"]) == {"click", "order"}
    expected = [batch["labels_order"][row, :length] for row, length in enumerate(lengths)]
    np.testing.assert_array_equal(flat.labels["order"], np.concatenate(expected))


def test_rankers_need_their_roles(batch):
    bare = evaluation_spec(popularity=None, oracle={})
    assert set(flat_batch({"click": _constant(batch)}, batch, bare).scores) == {"model"}


def test_items_of_unknown_popularity_come_last(batch):
    batch["candidates_popularity"][3, 0] = np.nan
    flat = flat_batch({"click": _constant(batch)}, batch, SPEC)
    first = batch["candidates_length"][:3].sum()
    assert flat.scores["popularity"]["click"][first] == -np.inf
    assert np.isfinite(flat.scores["popularity"]["click"]).sum() == flat.lengths.sum() - 1


def test_nan_scores_name_the_session(batch):
    scores = _constant(batch)
    scores[7, 0] = np.nan
    with pytest.raises(ScoreError, match="`click` must be numbers. .* first in session `1-7`"):
        flat_batch({"click": scores}, batch, SPEC)
    with pytest.raises(
        ScoreError, match="Received: 1 NaN in one batch, the first in session row 7"
    ):
        flat_batch({"click": scores}, batch, evaluation_spec(session_id=None))


def test_nan_scores_of_padding_are_no_error(batch):
    valid = np.arange(13) < batch["candidates_length"][:, None]
    flat = flat_batch({"click": np.where(valid, 0.5, np.nan)}, batch, SPEC)
    assert (flat.scores["model"]["click"] == 0.5).all()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"clicks": np.ones((34, 13))}, r"\['click', 'order'\].*\['clicks'\]"),
        ({}, r"must return the scores of tasks .* Received: \[\]"),
        ({"click": np.ones(34)}, r"`click` must have shape \[34, 13 or more\]"),
        ({"click": np.ones((34, 2))}, r"Received: shape \(34, 2\)"),
        ({"click": np.ones((33, 13))}, r"Received: shape \(33, 13\)"),
    ],
)
def test_wrong_scores_are_one_clear_error(batch, scores, message):
    with pytest.raises(ValueError, match=message):
        flat_batch(scores, batch, SPEC)
