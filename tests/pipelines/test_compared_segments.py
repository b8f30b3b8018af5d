import numpy as np
import pytest

from pipelines.compared_segments import segment_masks
from ranking.training.session_file import SessionFile
from tests.helpers.session_files import document, session_columns, write_sessions


@pytest.fixture
def sessions(tmp_path):
    return SessionFile(write_sessions(tmp_path, session_columns(61), document()))


HISTORY = session_columns(61)["history"]


def test_dimensions_become_their_segments_in_reading_order(sessions):
    masks = segment_masks(sessions, ["all"])
    assert list(masks) == [
        "history=0",
        "history=1-3",
        "history=4-10",
        "history=>10",
        "category=new",
        "category=old",
    ]
    np.testing.assert_array_equal(masks["history=4-10"], (HISTORY >= 4) & (HISTORY <= 10))
    assert list(segment_masks(sessions, ["category"])) == ["category=new", "category=old"]
    assert segment_masks(sessions, []) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("history<=4", HISTORY <= 4),
        ("history < 4", HISTORY < 4),
        ("history>4", HISTORY > 4),
        ("history>=4", HISTORY >= 4),
        ("history=4", HISTORY == 4),
        ("history!=4", HISTORY != 4),
        ("history=1-3", (HISTORY >= 1) & (HISTORY <= 3)),
        ("history=>10", HISTORY > 10),
        ("category=old", HISTORY % 2 == 1),
        ("category!=old", HISTORY % 2 == 0),
        ("target_item_in_history=true", HISTORY > 7),
        ("target_item_in_history=false", HISTORY <= 7),
    ],
)
def test_expressions(sessions, text, expected):
    assert 0 < expected.sum() < 61
    np.testing.assert_array_equal(segment_masks(sessions, [text])[text], expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("histroy", r"a dimension of .* \(history, category\), or be an expression .*'histroy'"),
        ("histroy<=4", r"has: history, category, history, target_.* Received: 'histroy<=4'"),
        ("category=odd", "must compare a dimension with one of its names"),
        ("history<=four", "or a column of numbers with a number"),
        ("user_id=user 1", "must compare a dimension"),
    ],
)
def test_what_cannot_be_read_is_an_error(sessions, text, message):
    with pytest.raises(ValueError, match=message):
        segment_masks(sessions, [text])
