import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ranking.features.spec_reader import read_spec
from ranking.sources.catalog import open_source
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError
from tests.helpers.searched_purchases import (
    ITEMS,
    QUERIES,
    made_up_purchases,
    queries_of,
    write_purchases,
)

ROOT = Path(__file__).parents[2]
SPEC = read_spec(ROOT / "feature_specs" / "amazon_search.yaml")
SHARED = Path(os.environ.get("RANKING_SHARED_DATA", ROOT.parent / "shared" / "data"))
CELL_PHONES = SHARED / "amazon_search" / "Cell_Phones_and_Accessories"
SMALL = {
    "test_share": "0.3",
    "validation_share": "0.2",
    "train_negatives": "5",
    "test_negatives": "4",
    "pool_size": "6",
}
PURCHASES = made_up_purchases()
HELD_OUT = {"u_7": [next(item for item in ITEMS if item not in PURCHASES["u_7"])]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    write_purchases(folder, PURCHASES, HELD_OUT)
    return folder


@pytest.fixture(scope="module")
def read(folder):
    return _everything(_open(folder))


def _open(folder, seed=3, **options):
    return open_source("amazon_search", SPEC, str(folder), {**SMALL, **options}, seed)


def _everything(source):
    read = {}
    for split, start in source.splits.items():
        batches = list(start())
        assert all(batch.schema.equals(arrow_schema(SPEC)) for batch in batches)
        read[split] = [row for batch in batches for row in batch.to_pylist()]
    return read


def _all(read):
    return [session for sessions in read.values() for session in sessions]


def _target(session):
    (positive,) = [c["item"] for c in session["candidates"] if c["purchase"]]
    return positive


def _items(entries):
    return [entry["item"] for entry in entries]


def _cross(session):
    """Purchases of the user that are candidates with label 0."""
    others = set(PURCHASES[session["user_id"]]) - {_target(session)}
    return [item for item in _items(session["candidates"]) if item in others]


def _scenarios(read):
    return {(s["user_id"], _target(s)): s["scenario"] for s in _all(read)}


def test_every_purchase_is_the_target_of_one_session(read):
    expected = {f"{user}:{item}" for user, own in PURCHASES.items() for item in own if len(own) > 1}
    ids = [session["session_id"] for session in _all(read)]
    assert set(ids) == expected and len(ids) == len(expected)
    for session in _all(read):
        assert session["session_id"] == f"{session['user_id']}:{_target(session)}"


def test_a_user_is_in_one_split(read):
    users = {split: {s["user_id"] for s in sessions} for split, sessions in read.items()}
    assert sum(map(len, users.values())) == len(set.union(*users.values())) == 82
    assert min(len(users["test"]), len(users["validation"])) > 8


def test_the_history_is_what_else_the_user_bought_but_what_is_shown(read):
    for session in _all(read):
        others = set(PURCHASES[session["user_id"]]) - {_target(session), *_cross(session)}
        history = _items(session["behaviors"])
        assert history and len(history) == len(set(history)) == session["history_size"]
        assert set(history) == others


def test_a_behavior_has_the_scenario_of_its_own_session(read):
    scenarios = _scenarios(read)
    for session in _all(read):
        for entry in session["behaviors"]:
            assert entry["scenario"] == scenarios[session["user_id"], entry["item"]]


def test_a_search_has_a_query_of_its_item_and_shows_that_query_alone(read):
    chosen = Counter()
    for session in _all(read):
        if session["scenario"] == "recommendation":
            assert session["query"] is None
            continue
        query = QUERIES.index(session["query"])
        for item in _items(session["candidates"]):
            assert query in queries_of(item)
        chosen[query, len(queries_of(_target(session)))] += 1
    # Both queries of an item that has two are searched for.
    assert chosen[2, 2] > 20 and chosen[0, 2] + chosen[1, 2] > 20


def test_a_query_without_enough_items_is_no_search(folder, read):
    scenarios = _scenarios(read)
    assert {s for (_, item), s in scenarios.items() if item == "i37"} == {"recommendation"}
    described = _open(folder, search_share="0.999").description
    assert described["searches_without_pool"] > sum("i37" in own for own in PURCHASES.values()) - 2


def test_candidates_are_as_many_as_told_distinct_and_half_of_them_never_the_users(read):
    for split, sessions in read.items():
        count = 5 if split == "train" else 4
        for session in sessions:
            items = _items(session["candidates"])
            own = PURCHASES[session["user_id"]] + HELD_OUT.get(session["user_id"], [])
            assert len(items) == len(set(items)) == count + 1
            assert len(set(items) & set(own)) <= 1 + count // 2


def test_what_is_shown_across_was_bought_in_the_other_scenario_of_the_same_split(read):
    shown = Counter()
    for split, sessions in read.items():
        scenarios = _scenarios({split: sessions})
        for session in sessions:
            for item in _cross(session):
                assert {scenarios[session["user_id"], item], session["scenario"]} == {
                    "search",
                    "recommendation",
                }
                shown[session["scenario"]] += 1
    assert len(shown) == 2 and min(shown.values()) > 20


def test_cross_candidates_sets_how_much_is_shown_across(folder, read):
    none = _everything(_open(folder, cross_candidates="0"))
    many = _everything(_open(folder, cross_candidates="0.99"))
    counts = [sum(len(_cross(s)) for s in _all(kind)) for kind in (none, read, many)]
    assert counts[0] == 0 and counts[0] < 1.3 * counts[1] < counts[2]


def test_popular_items_are_negatives_more_often_in_recommendation_only(folder):
    sessions = _everything(_open(folder, cross_candidates="0", pool_size="5"))["train"]
    means = {}
    for scenario in ("search", "recommendation"):
        of_scenario = [s for s in sessions if s["scenario"] == scenario]
        negatives = [c for s in of_scenario for c in s["candidates"] if not c["purchase"]]
        means[scenario] = np.mean([c["popularity"] for c in negatives])
    assert means["recommendation"] > 1.1 * means["search"]


def test_popularity_counts_train_users_alone_and_is_one_number_per_item(read):
    train_users = {session["user_id"] for session in read["train"]}
    counts = Counter(item for user in train_users for item in PURCHASES[user])
    for session in _all(read):
        for candidate in session["candidates"]:
            assert candidate["popularity"] == counts[candidate["item"]]


def test_matches_count_the_sessions_history_by_a_plain_loop(read):
    for session in _all(read):
        history = session["behaviors"]
        for candidate in session["candidates"]:
            alike = [b for b in history if b["category"] == candidate["category"]]
            here = [b for b in alike if b["scenario"] == session["scenario"]]
            shared = [sum(q in b["queries"] for b in history) for q in candidate["queries"]]
            assert candidate["category_matches"] == len(alike)
            assert candidate["scenario_matches"] == len(here)
            assert candidate["query_matches"] == pytest.approx(np.mean(shared))


def test_the_category_is_the_smallest_query_that_is_large_enough(folder, read):
    items = set(_items(c for s in _all(read) for c in s["candidates"]))
    sizes = Counter(query for item in items for query in queries_of(item))
    for kind, size in ((read, 6), (_everything(_open(folder, pool_size="17")), 17)):
        for session in _all(kind):
            for entry in session["behaviors"] + session["candidates"]:
                queries = queries_of(entry["item"])
                large = [q for q in queries if sizes[q] >= size]
                best = min(large, key=sizes.get) if large else max(queries, key=sizes.get)
                assert entry["category"] == str(best)
                assert entry["queries"] == [str(q) for q in sorted(queries)]


def test_the_place_of_the_target_says_nothing(read):
    places = [_items(s["candidates"]).index(_target(s)) for s in read["train"]]
    np.testing.assert_allclose(np.bincount(places) / len(places), [1 / 6] * 6, atol=0.07)
    crossed = [_items(s["candidates"]).index(i) for s in read["train"] for i in _cross(s)]
    np.testing.assert_allclose(np.bincount(crossed) / len(crossed), [1 / 6] * 6, atol=0.1)


def test_search_share_sets_how_many_purchases_are_searches(folder):
    for share in (0.25, 0.75):
        scenarios = _scenarios(_everything(_open(folder, search_share=str(share))))
        is_search = [s == "search" for (_, item), s in scenarios.items() if item != "i37"]
        assert np.mean(is_search) == pytest.approx(share, abs=0.1)


def test_scenario_and_split_of_a_purchase_do_not_depend_on_the_other_users(folder, tmp_path):
    whole = _everything(_open(folder))
    fewer = dict(list(PURCHASES.items())[:41])
    write_purchases(tmp_path, fewer)
    part = _everything(_open(tmp_path, pool_size="6"))
    for split, sessions in part.items():
        users = {s["user_id"] for s in sessions}
        assert users == {s["user_id"] for s in whole[split]} & set(fewer)
    known, agreed = _scenarios(whole), 0
    for key, scenario in _scenarios(part).items():
        agreed += known[key] == scenario
    # A pool may have become too small; the hash is the same.
    assert agreed > 0.95 * len(_scenarios(part))


def test_the_same_seed_gives_the_same_sessions_in_every_pass(folder):
    source = _open(folder)
    read = _everything(source)
    assert _everything(source) == read == _everything(_open(folder))
    assert _everything(_open(folder, seed=4)) != read


def test_train_options_leave_test_sessions_alone(folder, read):
    assert _everything(_open(folder, train_negatives="2"))["test"] == read["test"]


def test_a_share_of_zero_leaves_the_split_out(folder):
    assert set(_open(folder, validation_share="0").splits) == {"train", "test"}


def test_the_description_says_that_a_hash_assigned_the_scenarios(folder, read):
    source = _open(folder)
    described = source.description
    assert not source.simulated
    assert described["setting"] == "Amazon-as-search, scenario assigned by hash"
    assert described["users"] == 83 and described["queries"] == 4
    for split, sessions in read.items():
        assert described[f"{split}_sessions"] == len(sessions)
        searches = sum(session["scenario"] == "search" for session in sessions)
        assert described[f"{split}_searches"] == searches


def test_errors_name_the_option(folder):
    with pytest.raises(SourceError, match="`test_negatives` must be at most `pool_size`.*=20"):
        _open(folder, test_negatives="20")
    with pytest.raises(SourceError, match="`search_share` .* from 0 up to"):
        _open(folder, search_share="1.5")
    with pytest.raises(SourceError, match="`train_negatives` must be at most 29, as some user"):
        _open(folder, train_negatives="40", pool_size="40")


def test_a_split_without_users_is_an_error(tmp_path):
    write_purchases(tmp_path, {"u": ["i1", "i3"], "v": ["i5"]})
    with pytest.raises(SourceError, match="Splitting 1 users .* leaves .* empty"):
        _open(tmp_path)


@pytest.mark.skipif(not CELL_PHONES.is_dir(), reason="the product-search files are not here")
def test_cell_phones_have_their_published_numbers_and_popularity_its_known_auc():
    source = open_source("amazon_search", SPEC, str(CELL_PHONES), {"validation_share": "0"}, 0)
    described = source.description
    assert (described["users"], described["items"], described["queries"]) == (27879, 10428, 165)
    assert described["purchases"] == 150048
    assert described["train_sessions"] + described["test_sessions"] == 150048
    batches = list(source.splits["test"]())
    assert min(np.diff(batch["behaviors"].offsets).min() for batch in batches) > 0
    candidates = [batch["candidates"].flatten() for batch in batches]
    popularity, purchase = (
        np.concatenate([part.field(name).to_numpy() for part in candidates]).reshape(-1, 20)
        for name in ("popularity", "purchase")
    )
    scenario = np.concatenate([np.array(batch["scenario"].to_pylist()) for batch in batches])
    order = popularity[purchase == 1][:, None]
    above = ((order > popularity) + 0.5 * (order == popularity)).sum(axis=1) - 0.5
    for name, expected in (("search", 0.73), ("recommendation", 0.50)):
        assert np.mean(above[scenario == name] / 19) == pytest.approx(expected, abs=0.02)
