"""The simulated shop: fits the demo's spec, looks back only, and labels follow its truth."""

import pathlib
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from ranking.features.spec_reader import read_spec
from ranking.sources.session_table import arrow_schema
from ranking.sources.simulated_reference import session_auc
from ranking.sources.simulated_words import CATEGORY_WORDS
from ranking.sources.simulator import open_simulator

SPEC = read_spec(pathlib.Path(__file__).parents[2] / "feature_specs" / "demo.yaml")
SMALL = {
    "train_sessions": "307",
    "validation_sessions": "53",
    "test_sessions": "101",
    "users": "211",
    "items": "601",
}
LARGER = {"train_sessions": "4001", "validation_sessions": "503", "test_sessions": "997"}
MEDIUM = {"train_sessions": "1499", "validation_sessions": "53", "test_sessions": "101"}
DAY = 86_400


def _sessions(source, split=None):
    splits = [split] if split else ["train", "validation", "test"]
    batches = [batch for name in splits for batch in source.splits[name]()]
    return pa.Table.from_batches(batches).to_pylist()


@pytest.fixture(scope="module")
def source():
    return open_simulator(SPEC, "", LARGER, 7)


@pytest.fixture(scope="module")
def sessions(source):
    return _sessions(source)


@pytest.fixture(scope="module")
def candidates(sessions):
    return _columns(sessions)


def _columns(sessions):
    """One array per candidate field over all sessions, `row` saying which session."""
    flat = [(row, item) for row, session in enumerate(sessions) for item in session["candidates"]]
    columns = {name: np.array([item[name] for _, item in flat]) for name in flat[0][1]}
    return {**columns, "row": np.array([row for row, _ in flat])}


def _by_session(candidates, *names):
    """Arrays of the named fields, one tuple per session."""
    starts = np.flatnonzero(np.diff(candidates["row"])) + 1
    return zip(*(np.split(candidates[name], starts) for name in names), strict=True)


def _slopes(candidates, chosen, **features):
    """How the logit of the click probability depends on features inside the chosen sessions."""
    probability = candidates["click_probability"]
    columns = {**features, "logit": np.log(probability / (1 - probability))}
    centered = {}
    for name, column in columns.items():
        sums = np.bincount(candidates["row"], column)
        means = sums / np.bincount(candidates["row"])
        deviation = (column - means[candidates["row"]])[chosen]
        centered[name] = deviation
    design = np.stack([centered[name] / centered[name].std() for name in features], axis=1)
    slopes, *_ = np.linalg.lstsq(design, centered["logit"], rcond=None)
    return dict(zip(features, slopes, strict=True))


def test_same_seed_gives_same_sessions_and_another_seed_gives_others():
    first, again, other = (open_simulator(SPEC, None, SMALL, seed) for seed in (3, 3, 4))
    assert _sessions(first) == _sessions(again)
    assert first.description == again.description
    assert _sessions(first) != _sessions(other)


def test_splits_can_be_read_again():
    source = open_simulator(SPEC, "", SMALL, 3)
    assert list(source.splits["test"]()) == list(source.splits["test"]())


def test_batches_fit_the_demo_spec_and_splits_have_the_sizes_asked_for(source):
    for split, count in (("train", 4001), ("validation", 503), ("test", 997)):
        batches = list(source.splits[split]())
        assert all(batch.schema == arrow_schema(SPEC) for batch in batches)
        assert sum(batch.num_rows for batch in batches) == count


def test_source_says_that_it_is_simulated(source):
    assert source.simulated
    assert source.description["seed"] == 7
    assert source.description["train_sessions"] == 4001


def test_sessions_are_in_order_of_time_and_splits_do_not_share_a_day(source, sessions):
    times = [session["time"] for session in sessions]
    assert times == sorted(times)
    days = {
        split: {session["time"] // DAY for session in _sessions(source, split)}
        for split in ("train", "validation", "test")
    }
    assert max(days["train"]) < min(days["validation"])
    assert max(days["validation"]) < min(days["test"])


def test_behaviors_are_oldest_first_and_before_the_session(sessions):
    for session in sessions:
        ages = [behavior["days_ago"] for behavior in session["behaviors"]]
        assert all(age > 0 for age in ages)
        assert ages == sorted(ages, reverse=True)


def test_behaviors_are_exactly_what_the_user_did_in_the_log(sessions):
    start = min(session["time"] for session in sessions) // DAY * DAY
    log = defaultdict(list)
    for session in sessions:
        age_at_start = (session["time"] - start) / DAY
        recent = [
            (behavior["item"], behavior["action"])
            for behavior in session["behaviors"]
            if behavior["days_ago"] < age_at_start
        ]
        expected = log[session["user_id"]]
        assert recent == expected[-len(recent) :] if recent else not expected
        if len(session["behaviors"]) < 50:
            assert len(recent) == len(expected)
        for item in session["candidates"]:
            if item["click"]:
                expected.append((item["item"], "order" if item["order"] else "click"))


def test_actions_count_the_behaviors_that_share_the_candidates_attribute(sessions):
    for session in sessions[:500]:
        for item in session["candidates"]:
            for name in ("item", "category", "brand", "shop"):
                same = [past[name] == item[name] for past in session["behaviors"]]
                assert item[f"{name}_actions"] == sum(same)


def test_popularity_grows_by_the_clicks_of_the_days_before(sessions):
    clicks, popularity = defaultdict(int), {}
    for session in sessions:
        day = session["time"] // DAY
        for item in session["candidates"]:
            before = sum(clicks[item["item"], earlier] for earlier in range(day - 14, day))
            base = popularity.setdefault(item["item"], item["popularity"] - before)
            assert item["popularity"] == base + before
        for item in session["candidates"]:
            clicks[item["item"], day] += item["click"]


def test_an_items_attributes_never_change(sessions):
    known = {}
    for session in sessions:
        for item in session["candidates"] + session["behaviors"]:
            attributes = [item[name] for name in ("category", "brand", "shop", "price_level")]
            assert known.setdefault(item["item"], attributes) == attributes


@pytest.mark.parametrize("task", ["click", "order"])
def test_labels_occur_as_often_as_their_probabilities_say(candidates, task):
    probability, label = candidates[f"{task}_probability"].astype(np.float64), candidates[task]
    order = np.argsort(probability)
    for part in np.array_split(order, 7):
        deviation = np.sqrt((probability[part] * (1 - probability[part])).sum())
        assert abs(label[part].sum() - probability[part].sum()) < 4 * deviation


def test_probabilities_are_inside_zero_and_one_and_orders_need_clicks(candidates):
    assert (candidates["order_probability"] > 0).all()
    assert (candidates["order_probability"] <= candidates["click_probability"]).all()
    assert (candidates["click_probability"] < 1).all()
    assert (candidates["order"] <= candidates["click"]).all()


def test_clicks_and_orders_are_as_rare_as_in_a_shop(candidates):
    assert 0.10 < candidates["click"].mean() < 0.16
    assert 0.02 < candidates["order"].mean() < 0.05


def test_about_ten_different_items_are_shown(sessions):
    counts = [len(session["candidates"]) for session in sessions]
    assert min(counts) >= 5
    assert max(counts) == 15
    assert 9 < np.mean(counts) < 11
    for session in sessions:
        assert len({item["item"] for item in session["candidates"]}) == len(session["candidates"])


def test_users_differ_in_how_much_they_did(sessions):
    lengths = np.array([len(session["behaviors"]) for session in sessions])
    assert (lengths == 0).mean() > 0.08
    assert ((lengths >= 1) & (lengths <= 3)).mean() > 0.2
    assert (lengths > 30).mean() > 0.02
    assert lengths.max() == 50


def test_many_sessions_are_in_new_and_many_in_known_categories(candidates):
    is_new = candidates["category_actions"] == 0
    mostly_new = np.bincount(candidates["row"], is_new) * 2 > np.bincount(candidates["row"])
    assert 0.25 < mostly_new.mean() < 0.75


def test_search_shows_what_was_asked_for_and_recommendation_asks_nothing(sessions):
    category_of = {
        word: f"c{number:02d}" for number, words in enumerate(CATEGORY_WORDS) for word in words
    }
    hits = []
    for session in sessions:
        if session["scenario"] == "recommendation":
            assert session["query"] == ""
        else:
            asked = category_of[session["query"].split()[-1]]
            hits += [item["category"] == asked for item in session["candidates"]]
    assert np.mean(hits) > 0.9


def test_recommendation_shows_categories_of_recent_behaviors(sessions):
    hits = [
        item["category_actions"] > 0
        for session in sessions
        if session["scenario"] == "recommendation" and session["behaviors"]
        for item in session["candidates"]
    ]
    assert np.mean(hits) > 0.5


def test_no_word_stands_for_two_categories():
    words = [word for words in CATEGORY_WORDS for word in words]
    assert len(words) == len(set(words))


def test_new_users_follow_popularity_and_price_and_users_at_home_their_brand(candidates):
    features = {
        "popularity": np.log1p(candidates["popularity"]),
        "price": np.log(candidates["price_level"]),
        "brand": candidates["brand_actions"] > 0,
    }
    new = _slopes(candidates, candidates["category_actions"] == 0, **features)
    home = _slopes(candidates, candidates["category_actions"] >= 3, **features)
    assert new["popularity"] > 0.5 > 2 * abs(home["popularity"])
    assert new["price"] < -0.4 < -0.3 < home["price"]
    assert home["brand"] > 0.5 > 2 * abs(new["brand"])


def test_the_truth_ranks_better_than_popularity(source):
    description = source.description
    for task in ("click", "order"):
        oracle = description[f"test_{task}_auc_of_oracle"]
        assert description[f"test_{task}_auc_of_popularity"] + 0.1 < oracle < 0.9


def test_description_tells_the_session_auc_of_the_test_split(source, sessions, candidates):
    first = len(sessions) - 997
    areas = []
    fields = ("row", "click", "click_probability")
    for row, label, probability in _by_session(candidates, *fields):
        pairs = [
            (good > bad) + 0.5 * (good == bad)
            for good in probability[label == 1]
            for bad in probability[label == 0]
        ]
        if row[0] >= first and pairs:
            areas.append(np.mean(pairs))
    expected = np.mean(areas)
    assert source.description["test_click_auc_of_oracle"] == pytest.approx(expected, abs=1e-3)


def test_session_auc_counts_ties_half_and_skips_sessions_of_one_class():
    scores = np.array([[3.0, 2.0, 2.0, 9.0], [1.0, 2.0, 3.0, 4.0]])
    positives = np.array([[False, True, False, False], [True, True, True, True]])
    negatives = np.array([[True, False, True, False], [False, False, False, False]])
    assert session_auc(scores, positives, negatives).tolist() == [0.25]


def _shared_share(sessions):
    seen, shared = defaultdict(set), []
    for session in sessions:
        key = session["user_id"], session["time"] // DAY
        other = {"search": "recommendation", "recommendation": "search"}[session["scenario"]]
        for item in session["candidates"]:
            shared.append(item["item"] in seen[(*key, other)])
        seen[(*key, session["scenario"])].update(item["item"] for item in session["candidates"])
    return np.mean(shared)


def test_shared_items_sets_how_much_the_scenarios_overlap(sessions):
    none, many = (
        _shared_share(_sessions(open_simulator(SPEC, "", {**MEDIUM, "shared_items": share}, 7)))
        for share in ("0", "0.6")
    )
    assert none < 0.03 < _shared_share(sessions) < 0.09 < many


def _popularity_slopes(difference):
    """How much popularity counts for users new to a category: in search, in recommendation."""
    options = {**MEDIUM, "scenario_difference": difference}
    rows = _sessions(open_simulator(SPEC, "", options, 7))
    columns = _columns(rows)
    in_search = np.array([row["scenario"] == "search" for row in rows])[columns["row"]]
    is_new = columns["category_actions"] == 0
    popularity = np.log1p(columns["popularity"])
    return [
        _slopes(columns, is_new & chosen, popularity=popularity)["popularity"]
        for chosen in (in_search, ~in_search)
    ]


def test_scenario_difference_sets_how_much_the_scenarios_differ():
    alike, different = _popularity_slopes("0"), _popularity_slopes("1")
    assert abs(alike[0] - alike[1]) < 0.15
    assert different[1] - different[0] > 0.3
    # Unrelated: popularity counts in recommendation alone.
    unrelated = _popularity_slopes("3")
    assert abs(unrelated[0]) < 0.4 < 1.2 < unrelated[1]


def _twice_clicked(share):
    """Of items that a user clicked and met in the other scenario that day, the share clicked there
    too; and how far the click rate is from the mean probability that was recorded."""
    options = {**MEDIUM, "users": "100", "shared_items": "0.8", "exclusive_wants": share}
    options["scenario_difference"] = "0"
    clicked, shown = (defaultdict(set) for _ in range(2))
    labels, probabilities = [], []
    for session in _sessions(open_simulator(SPEC, "", options, 7)):
        for item in session["candidates"]:
            key = session["user_id"], session["time"] // DAY, item["item"]
            shown[session["scenario"]].add(key)
            labels.append(item["click"])
            probabilities.append(item["click_probability"])
            if item["click"]:
                clicked[session["scenario"]].add(key)
    both = shown["search"] & shown["recommendation"]
    of_search, of_recommendation = (clicked[name] & both for name in clicked)
    gap = np.mean(labels) - np.mean(probabilities)
    return len(of_search & of_recommendation) / len(of_search), gap


def test_exclusive_wants_are_acted_on_in_one_scenario_alone():
    half, gap_of_half = _twice_clicked("0.5")
    # What is clicked in one scenario by an exclusive want is never clicked in the other.
    assert _twice_clicked("1")[0] == 0.0 < half < _twice_clicked("0")[0]
    assert abs(gap_of_half) < 0.01


def test_without_exclusive_wants_every_page_is_a_draw_of_its_own(source, sessions):
    options = {**LARGER, "exclusive_wants": "0"}
    assert _sessions(open_simulator(SPEC, "", options, 7), "test") == _sessions(source, "test")


def test_daily_behaviors_are_those_of_earlier_days():
    def newest(daily):
        options = {**MEDIUM, "users": "100", "daily_behaviors": daily}
        rows = [row for row in _sessions(open_simulator(SPEC, "", options, 7)) if row["behaviors"]]
        ages = np.array([row["behaviors"][-1]["days_ago"] for row in rows])
        today = np.array([row["time"] % DAY / DAY for row in rows])
        return ages, today

    ages, today = newest("yes")
    assert (ages >= today - 1e-3).all() and (ages < today + 1).any()
    ages, today = newest("no")
    assert (ages < today - 1e-3).any()
