"""Which sessions are those of long-tail users."""

import numpy as np
import pytest

from pipelines.reproduction.evaluated_sets import short_history, test_sets
from pipelines.reproduction.evaluated_systems import read_evaluated
from pipelines.reproduction.systems import SYSTEMS
from tests.helpers.fake_runs import SESSIONS, fake_run


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    fake_run(folder, "din", 1)
    return read_evaluated(folder, "made-up", SYSTEMS).sessions


def test_the_paper_s_three_sets(sessions):
    full, short, elderly = test_sets(sessions)
    assert [each.key for each in (full, short, elderly)] == ["full", "long_tail_1", "long_tail_2"]
    assert len(full) == SESSIONS
    longest = int(sessions.history[short.sessions].max())
    assert 0.1 * SESSIONS <= len(short) and (sessions.history <= longest - 1).sum() < 0.1 * SESSIONS
    assert short.title == f"long-tail users 1 (at most {longest} behavior{'s' * (longest > 1)})"
    ages = sessions.segments["age_group"]
    np.testing.assert_array_equal(elderly.sessions, ages == "50+")
    assert elderly.title == "long-tail users 2 (elderly, age_group=50+)"
    assert elderly.segment == "age_group=50+"


def test_flags_choose_them(sessions):
    _, short, other = test_sets(sessions, 7, "history=>3")
    np.testing.assert_array_equal(short.sessions, sessions.history <= 7)
    np.testing.assert_array_equal(other.sessions, sessions.history > 3)
    assert len(test_sets(sessions, 0, "")) == 2
    assert test_sets(sessions, 0)[1].title == "long-tail users 1 (no behaviors)"


@pytest.mark.parametrize("history", [[4], [0, 9], [*range(1, 11)], [*range(1, 12)], [5] * 30])
def test_a_tenth_of_the_sessions_is_short(history):
    bound = short_history(history)
    assert np.mean(np.array(history) <= bound) >= 0.1
    assert np.mean(np.array(history) < bound) < 0.1


def test_wrong_choices_are_one_clear_error(sessions):
    with pytest.raises(ValueError, match="`--second_long_tail` must be .* Did you mean `age_group"):
        test_sets(sessions, None, "age_group=50")
    with pytest.raises(ValueError, match="`--long_tail` must leave sessions: the shortest history"):
        test_sets(sessions, -1)
