from pathlib import Path

import numpy as np
import pytest

from ranking.features.spec_reader import parse_spec, read_spec
from ranking.sources.catalog import open_source
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError
from tests.helpers.kuaisar_files import (
    END,
    found,
    item,
    milliseconds,
    shown,
    small_log,
    user,
    write_log,
)

PATH = Path(__file__).parents[2] / "feature_specs" / "kuaisar.yaml"
_TASK = "  engagement: {label: binary}\n"
TEXT = PATH.read_text().replace(_TASK, _TASK + _TASK.replace("engagement", "long_play"))
SPEC = parse_spec(TEXT, "kuaisar.yaml")


def _open(folder, files=None, spec=SPEC, **options):
    write_log(folder, {**small_log(), **(files or {})})
    return open_source("kuaisar", spec, str(folder), options, 0)


def _sessions(source):
    read = {}
    for split, start in source.splits.items():
        for batch in start():
            assert batch.schema.equals(arrow_schema(SPEC))
            read |= {row["session_id"]: {**row, "split": split} for row in batch.to_pylist()}
    return read


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    return _sessions(_open(tmp_path_factory.mktemp("kuaisar")))


def _r(user, hours):
    return f"r:{user}:{milliseconds(hours)}"


def _column(entries, name):
    return [entry[name] for entry in entries]


def test_the_committed_spec_has_two_tasks_and_global_labels_of_a_day():
    spec = read_spec(PATH)
    assert spec.tasks == ("click", "engagement") and spec.global_window == "day"


def test_a_session_is_what_a_user_saw_at_once_or_found_in_one_search(sessions):
    shown_items = {name: _column(s["candidates"], "item") for name, s in sessions.items()}
    assert shown_items == {
        _r(1, 60): [101, 102],
        _r(2, 60): [101],
        _r(1, 59): [103],
        _r(1, 40): [101, 104],
        _r(2, 30): [108],
        _r(3, 20): [101],
        _r(1, 10): [105, 106],
        "s:1:7": [103, 104],
        "s:2:7": [102],
        "s:1:8": [102, 107],
        "s:3:9": [101, 109],
    }


def test_rows_of_a_session_need_not_be_together(tmp_path, sessions):
    files = small_log()
    for name in ("rec_inter.csv", "src_inter.csv"):
        files[name] = files[name][::2] + files[name][1::2]
    again = _sessions(_open(tmp_path, files))
    assert set(again) == set(sessions)
    for name, session in again.items():
        # Order inside a session is that of the file.
        session["candidates"].sort(key=lambda c: c["item"])
        np.testing.assert_equal(session, sessions[name])


def test_scenario_query_and_time(sessions):
    assert sessions["s:1:7"]["scenario"] == "search"
    assert sessions["s:1:7"]["query"] == "20 34 3"
    assert sessions["s:3:9"]["search_source"] == "HISTORY"
    assert sessions["s:2:7"]["query"] is None and sessions["s:1:8"]["query"] is None
    seen = sessions[_r(1, 40)]
    assert seen["scenario"] == "recommendation"
    assert seen["query"] is None and seen["search_source"] is None
    assert sessions["s:3:9"]["time"] == END.timestamp()
    assert seen["time"] == END.timestamp() - 40 * 3600


def test_the_last_24_hours_are_test_and_those_before_validation(sessions):
    assert sessions["s:3:9"]["split"] == sessions[_r(3, 20)]["split"] == "test"
    assert sessions["s:1:8"]["split"] == sessions[_r(1, 40)]["split"] == "validation"
    assert sessions["s:1:7"]["split"] == sessions[_r(1, 59)]["split"] == "train"


def test_days_of_the_splits_are_options(tmp_path):
    files = {"rec_inter.csv": [shown(1, 90, 101), *small_log()["rec_inter.csv"]]}
    read = _sessions(_open(tmp_path, files, test_days="2", validation_days="1"))
    assert read["s:1:8"]["split"] == read[_r(1, 40)]["split"] == "test"
    assert read["s:1:7"]["split"] == read[_r(1, 59)]["split"] == "validation"
    assert read[_r(1, 90)]["split"] == "train"


def test_clicks_count_once_and_the_second_task_is_of_recommendation(sessions):
    def labels(name, task):
        return _column(sessions[name]["candidates"], task)

    assert labels("s:1:7", "click") == [1, 0]  # click_cnt is 3.
    assert labels(_r(1, 60), "click") == [1, 0]
    assert labels(_r(1, 60), "engagement") == [1, 0]
    assert labels(_r(2, 30), "engagement") == [1]
    assert labels(_r(1, 10), "engagement") == [0, 1]
    assert labels("s:1:7", "engagement") == labels("s:1:7", "long_play") == [0, 0]


def test_a_long_play_is_long_or_to_the_end(sessions, tmp_path):
    played = {name: _column(s["candidates"], "long_play") for name, s in sessions.items()}
    assert played[_r(1, 59)] == [1] and played[_r(1, 40)] == [1, 0]
    assert played[_r(2, 30)] == [1] and played[_r(3, 20)] == [0]
    longer = _sessions(_open(tmp_path, long_play_seconds="19"))
    assert _column(longer[_r(1, 40)]["candidates"], "long_play") == [0, 0]
    assert _column(longer[_r(1, 59)]["candidates"], "long_play") == [1]


def test_histories_are_earlier_clicks_of_both_scenarios_oldest_first(sessions):
    history = sessions["s:1:8"]["behaviors"]
    assert _column(history, "item") == [101, 103, 103, 104]
    assert _column(history, "scenario") == ["recommendation"] * 2 + ["search", "recommendation"]
    np.testing.assert_allclose(_column(history, "days_ago"), np.array([32, 31, 22, 12]) / 24)
    assert sessions[_r(1, 60)]["behaviors"] == sessions["s:3:9"]["behaviors"] == []
    assert _column(sessions[_r(2, 30)]["behaviors"], "item") == [102]


def test_what_is_clicked_at_the_same_time_is_not_before(tmp_path):
    files = {"src_inter.csv": [found(1, 40, 7, 109, 1), found(1, 0, 8, 109)]}
    read = _sessions(_open(tmp_path, files))
    assert _column(read["s:1:7"]["behaviors"], "item") == [101, 103]
    assert _column(read[_r(1, 40)]["behaviors"], "item") == [101, 103]
    assert set(_column(read["s:1:8"]["behaviors"], "item")) == {101, 103, 104, 109, 105}


def test_the_newest_clicks_are_kept(tmp_path):
    spec = parse_spec(TEXT.replace("max_length: 50", "max_length: 3"), "kuaisar.yaml")
    source = _open(tmp_path, spec=spec)
    rows = [row for batch in source.splits["validation"]() for row in batch.to_pylist()]
    (search,) = [row for row in rows if row["session_id"] == "s:1:8"]
    assert _column(search["behaviors"], "item") == [103, 103, 104]
    # Counts still see the whole history.
    assert _column(search["candidates"], "author_matches") == [0, 2]


def test_popularity_and_showings_are_of_earlier_utc_days(sessions):
    def of(name):
        return [(c["popularity"], c["shown"]) for c in sessions[name]["candidates"]]

    # 60, 59 and 50 hours before the end is the 21st in UTC, 40 and 30 the 22nd.
    assert of(_r(1, 60)) == of("s:1:7") == [(0, 0), (0, 0)]
    assert of(_r(1, 40)) == [(1, 2), (0, 1)]  # 101 was shown twice on the 21st, clicked once.
    assert of("s:1:8") == [(1, 2), (0, 0)]
    assert of("s:3:9") == [(1, 4), (0, 0)]


def test_matches_count_all_earlier_clicks(sessions):
    candidates = sessions["s:1:8"]["candidates"]
    # Clicked before: 101, 103, 103, 104 of authors 3, 2, 2, 3; 102 and 107 are of 1 and 3.
    assert _column(candidates, "author_matches") == [0, 2]
    # Their second-level categories: 51, 51, 51, 50; that of 102 is 50, 107 has none.
    assert _column(candidates, "category_matches") == [1, 0]


def test_query_matches_count_distinct_words_of_the_caption(sessions):
    assert _column(sessions["s:1:7"]["candidates"], "query_matches") == [2, 2]
    for name in ("s:2:7", "s:1:8", _r(1, 60)):
        assert set(_column(sessions[name]["candidates"], "query_matches")) == {0}


def test_what_the_publisher_pads_is_null(sessions):
    known, padded = sessions[_r(1, 10)]["candidates"]
    assert known["caption"] == "105 34 34 20" and known["author"] == 1 and known["category"] == 51
    assert known["parent_category"] == 5 and known["age_days"] == pytest.approx(3 + 14.5 / 24)
    assert padded["caption"] is padded["author"] is padded["parent_category"] is None
    assert np.isnan(padded["age_days"])
    _, profile = sessions["s:1:8"]["candidates"]
    assert profile["type"] == "USER" and profile["category"] is profile["caption"] is None
    assert known["type"] is None and known["duration_seconds"] == 20
    assert np.isnan(profile["duration_seconds"])
    assert np.isnan(sessions[_r(3, 20)]["candidates"][0]["duration_seconds"])


def test_items_and_users_without_features_have_nulls(sessions):
    (unknown,) = sessions[_r(2, 30)]["candidates"]
    assert unknown["item"] == 108 and unknown["author"] is None and np.isnan(unknown["age_days"])
    assert unknown["author_matches"] == unknown["category_matches"] == 0
    assert sessions["s:3:9"]["search_active_level"] is None
    assert sessions["s:1:7"]["search_active_level"] == 2
    assert sessions["s:1:7"]["onehot_feat1"] is None and sessions["s:1:7"]["onehot_feat2"] == 7
    assert sessions["s:2:7"]["onehot_feat1"] == 2


def test_the_description_counts_what_was_read(tmp_path):
    source = _open(tmp_path)
    described = source.description
    assert not source.simulated and described["source"] == "kuaisar"
    assert (described["users"], described["items"]) == (3, 9)
    assert described["items_without_features"] == 1
    assert (described["train_sessions"], described["train_searches"]) == (5, 2)
    assert (described["test_sessions"], described["test_searches"]) == (3, 1)


def test_sessions_come_in_time_order_and_every_pass_is_the_same(tmp_path):
    source = _open(tmp_path)
    for start in source.splits.values():
        rows = [row for batch in start() for row in batch.to_pylist()]
        assert _column(rows, "time") == sorted(_column(rows, "time"))
        again = [row for batch in start() for row in batch.to_pylist()]
        np.testing.assert_equal(again, rows)


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        (
            "rec_inter.csv",
            [{"user_id": 1, "items_id": 2}],
            "Column `item_id` is missing in .*rec_inter.csv. Did you mean `items_id`",
        ),
        (
            "src_inter.csv",
            [found(1, 9, 7, 101, "many")],
            "Column `click_cnt` of .*src_inter.csv must be int64.*many",
        ),
        (
            "src_inter.csv",
            [found(1, 9, "", 101)],
            "`search_session_id` of .*row 1 after",
        ),
        ("rec_inter.csv", [shown(1, 9, 101, "")], "`click` of .*rec_inter.csv must have a value"),
        ("item_features.csv", [item(1, author_id="me")], "`author_id` of .*item_features.csv"),
        (
            "user_features.csv",
            [user(1, user_id="")],
            "`user_id` of .*user_features.csv must",
        ),
    ],
)
def test_errors_name_file_and_column(tmp_path, name, rows, words):
    with pytest.raises(SourceError, match=words):
        _open(tmp_path, {name: rows})


def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="There is no file .*src_inter.csv"):
        open_source("kuaisar", SPEC, str(tmp_path), {}, 0)


def test_logs_of_too_few_days_are_an_error(tmp_path):
    with pytest.raises(SourceError, match="leave train empty: the last 2 times 24 hours are test"):
        _open(tmp_path, test_days="2", validation_days="2")
    with pytest.raises(SourceError, match="`test_days` .* at least 1"):
        _open(tmp_path, test_days="0")
