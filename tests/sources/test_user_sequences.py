import json
import os
from pathlib import Path

import numpy as np
import pytest

from ranking.features.spec_reader import parse_spec, read_spec
from ranking.sources.catalog import open_source
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError

ROOT = Path(__file__).parents[2]
SPEC = read_spec(ROOT / "feature_specs" / "user_sequences.yaml")
SHARED = Path(os.environ.get("RANKING_SHARED_DATA", ROOT.parent / "shared" / "data"))
BEAUTY = SHARED / "amazon2014" / "Beauty.txt"
ITEMS = [f"i{number}" for number in range(31)]


def _attributes(item):
    """Brand, then a path of two categories; every fifth item has no brand, every 11th nothing."""
    number = int(item[1:])
    brand = [] if number % 5 == 0 else [f"brand {number % 3}"]
    return [] if number % 11 == 10 else [*brand, f"top {number % 2}", f"leaf {number % 4}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A made-up set of 97 users with 2 to 12 items each, one with a single item."""
    folder = tmp_path_factory.mktemp("sequences")
    generator = np.random.default_rng(5)
    weights = np.arange(1, len(ITEMS) + 1) / sum(range(1, len(ITEMS) + 1))
    lines = [f"u0 {ITEMS[3]}"]
    for user in range(1, 97):
        items = generator.choice(ITEMS, generator.integers(2, 13), replace=False, p=weights)
        lines.append(f"u{user} {' '.join(items)}")
    (folder / "Small.txt").write_text("\n".join(lines) + "\n")
    document = {item: _attributes(item) for item in ITEMS if _attributes(item)}
    (folder / "Small_item2attributes.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def sequences(folder):
    lines = (folder / "Small.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def _open(folder, seed=3, **options):
    settings = {"test_share": "0.3", "validation_share": "0.2", **options}
    return open_source("user_sequences", SPEC, str(folder), settings, seed)


def _sessions(source, split):
    batches = list(source.splits[split]())
    assert all(batch.schema.equals(arrow_schema(SPEC)) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def _everything(source):
    return {split: _sessions(source, split) for split in source.splits}


def _positive(session):
    (positive,) = [c for c in session["candidates"] if c["purchase"]]
    return positive


def _items(entries):
    return [entry["item"] for entry in entries]


def test_users_are_split_by_share_and_no_user_is_in_two_splits(folder):
    read = _everything(_open(folder))
    users = {split: {s["user_id"] for s in sessions} for split, sessions in read.items()}
    assert len(set.union(*users.values())) == sum(map(len, users.values())) == 96
    assert abs(len(users["test"]) - 29) <= 1 and abs(len(users["validation"]) - 14) <= 1


def test_a_train_session_for_every_item_but_the_first(folder, sequences):
    sessions = _sessions(_open(folder), "train")
    expected = {
        f"{user}:{position}"
        for user in {session["user_id"] for session in sessions}
        for position in range(1, len(sequences[user]))
    }
    assert len(sessions) == len(expected)
    assert {session["session_id"] for session in sessions} == expected


def _check_history(session, sequences):
    """It is all before the target, and nothing later."""
    sequence = sequences[session["user_id"]]
    history = _items(session["behaviors"])
    assert history and history == sequence[: len(history)]
    assert _positive(session)["item"] == sequence[len(history)]
    assert session["session_id"] == f"{session['user_id']}:{len(history)}"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_history_is_all_before_the_target_and_nothing_later(folder, sequences, split):
    for session in _sessions(_open(folder), split):
        _check_history(session, sequences)


def test_other_splits_have_the_last_item_as_target_and_so_has_train_if_told(folder, sequences):
    read = _everything(_open(folder, targets="last"))
    for sessions in read.values():
        assert len({session["user_id"] for session in sessions}) == len(sessions)
        for session in sessions:
            assert _positive(session)["item"] == sequences[session["user_id"]][-1]


@pytest.mark.parametrize("distribution", ["uniform", "popularity"])
def test_negatives_are_as_many_as_told_distinct_and_never_the_users(
    folder, sequences, distribution
):
    source = _open(
        folder, train_negatives="5", test_negatives="7", negative_distribution=distribution
    )
    for split, sessions in _everything(source).items():
        for session in sessions:
            negatives = [c["item"] for c in session["candidates"] if not c["purchase"]]
            assert len(set(negatives)) == len(negatives) == (5 if split == "train" else 7)
            assert not set(negatives) & set(sequences[session["user_id"]])


def test_negatives_may_be_of_the_targets_category(folder, sequences):
    options = {"train_negatives": "3", "test_negatives": "6", "amazon_negatives": "same_category"}
    source = _open(folder, **options)
    for split, sessions in _everything(source).items():
        counts = []
        for session in sessions:
            leaf = (_attributes(_positive(session)["item"]) or [None])[-1]
            own = set(sequences[session["user_id"]])
            left = [item for item in ITEMS if item not in own and leaf in _attributes(item)]
            negatives = [c for c in session["candidates"] if not c["purchase"]]
            assert not own & set(_items(negatives))
            counts.append(sum(entry["category"] == leaf for entry in negatives if leaf))
            assert counts[-1] == min(len(left), len(negatives))
        share = sum(counts) / sum(len(s["candidates"]) - 1 for s in sessions)
        assert source.description[f"{split}_negatives_in_category"] == pytest.approx(
            share, abs=1e-6
        )
    assert source.description["amazon_negatives"] == "same_category"


def test_a_spec_may_ask_for_the_category_above(folder):
    text = (ROOT / "feature_specs" / "user_sequences.yaml").read_text()
    brand = "  brand: {table: attribute, optional: true}\n"
    text = text.replace(brand, brand + brand.replace("brand", "parent_category"))
    text = text.replace("item: [item, category,", "item: [item, category, parent_category,")
    text = text.replace(
        "  category: category\n", "  category: category\n  parent_category: parent_category\n"
    )
    spec = parse_spec(text, "hierarchy.yaml")
    assert spec.roles.parent_category == "parent_category"
    source = open_source("user_sequences", spec, str(folder), {"test_share": "0.3"}, 3)
    rows = [row for batch in source.splits["test"]() for row in batch.to_pylist()]
    for entry in (entry for row in rows for entry in row["behaviors"] + row["candidates"]):
        tops = [name for name in _attributes(entry["item"]) if name.startswith("top")]
        assert entry["parent_category"] == (tops[0] if tops else None)


def test_the_place_of_the_positive_says_nothing(folder):
    sessions = _sessions(_open(folder, train_negatives="3"), "train")
    places = [[c["purchase"] for c in session["candidates"]].index(1) for session in sessions]
    np.testing.assert_allclose(np.bincount(places) / len(places), [0.25] * 4, atol=0.08)


def test_fields_of_items_are_those_of_the_attributes_file(folder):
    for session in _sessions(_open(folder), "test"):
        for entry in session["behaviors"] + session["candidates"]:
            attributes = _attributes(entry["item"])
            brands = [name for name in attributes if name.startswith("brand")]
            assert entry["brand"] == (brands[0] if brands else None)
            assert entry["attributes"] == attributes[len(brands) :]
            assert entry["category"] == (attributes[-1] if attributes else None)


@pytest.mark.parametrize("split", ["train", "test"])
def test_behaviors_are_counted_back_from_the_target(folder, split):
    for session in _sessions(_open(folder), split):
        steps = [entry["steps_ago"] for entry in session["behaviors"]]
        assert steps == list(range(len(steps), 0, -1))


@pytest.mark.parametrize("split", ["train", "test"])
def test_matches_count_the_whole_history_by_a_plain_loop(folder, split):
    for session in _sessions(_open(folder), split):
        history = session["behaviors"]
        for candidate in session["candidates"]:
            for name in ("category", "brand"):
                value = candidate[name]
                expected = sum(entry[name] == value for entry in history) if value else 0
                assert candidate[f"{name}_matches"] == expected
            counts = [
                sum(attribute in entry["attributes"] for entry in history)
                for attribute in candidate["attributes"]
            ]
            assert candidate["attribute_matches"] == pytest.approx(np.mean(counts or [0]))


def _check_popularity(sessions, counts):
    for session in sessions:
        for candidate in session["candidates"]:
            assert candidate["popularity"] == counts[candidate["item"]]


def test_popularity_counts_all_interactions_but_held_out_last_items(folder, sequences):
    read = _everything(_open(folder))
    train_users = {session["user_id"] for session in read["train"]}
    counts = dict.fromkeys(ITEMS, 0)
    for user, items in sequences.items():
        for item in items if user in train_users else items[:-1]:
            counts[item] += 1
    for sessions in read.values():
        _check_popularity(sessions, counts)


def test_popularity_of_an_item_never_tells_its_label(folder):
    seen = {}
    for sessions in _everything(_open(folder)).values():
        for candidate in (c for session in sessions for c in session["candidates"]):
            seen.setdefault(candidate["item"], set()).add(candidate["popularity"])
    assert all(len(values) == 1 for values in seen.values())


def _open_items(folder, **options):
    settings = {"held_out": "items", "validation_share": "0.2", **options}
    return open_source("user_sequences", SPEC, str(folder), settings, 3)


def test_where_items_are_held_out_every_user_tests_its_last_and_trains_on_what_is_left(
    folder, sequences
):
    source = _open_items(folder)
    read = _everything(source)
    ids = {split: {s["session_id"] for s in sessions} for split, sessions in read.items()}
    assert all(len(ids[split]) == len(sessions) for split, sessions in read.items())
    lengths = {user: len(items) for user, items in sequences.items()}
    assert ids["test"] == {f"{u}:{length - 1}" for u, length in lengths.items() if length > 1}
    drawn = {name.split(":")[0] for name in ids["validation"]}
    # A fifth of 97 users, but for those with no two items before the last.
    assert 10 < len(drawn) <= 19 and min(lengths[user] for user in drawn) == 3
    assert ids["validation"] == {f"{user}:{lengths[user] - 2}" for user in drawn}
    every = {f"{u}:{at}" for u, length in lengths.items() for at in range(1, length)}
    assert ids["train"] == every - ids["test"] - ids["validation"]
    assert source.description["held_out"] == "items" and source.description["test_share"] == 1


def test_where_items_are_held_out_history_ends_before_the_target(folder, sequences):
    for sessions in _everything(_open_items(folder, targets="last")).values():
        assert len({session["user_id"] for session in sessions}) == len(sessions)
        for session in sessions:
            _check_history(session, sequences)


def test_held_out_items_are_not_counted_as_popular(folder, sequences):
    read = _everything(_open_items(folder))
    validated = {session["user_id"] for session in read["validation"]}
    counts = dict.fromkeys(ITEMS, 0)
    for user, items in sequences.items():
        for item in items[: -2 if user in validated else -1]:
            counts[item] += 1
    for sessions in read.values():
        _check_popularity(sessions, counts)


def test_errors_of_held_out_items_name_option_or_users(folder, tmp_path):
    with pytest.raises(SourceError, match="`test_share` .* left out with held_out=items"):
        _open_items(folder, test_share="0.2")
    with pytest.raises(SourceError, match="`held_out` .* must be one of users, items"):
        _open_items(folder, held_out="sessions")
    (tmp_path / "Tiny_item2attributes.json").write_text("{}")
    (tmp_path / "Tiny.txt").write_text("a x y\nb y z\n")
    with pytest.raises(SourceError, match="No train user .* not held out"):
        _open_items(tmp_path, validation_share="0")


def test_the_same_seed_gives_the_same_sessions_in_every_pass(folder):
    source = _open(folder)
    read = _everything(source)
    assert _everything(source) == read == _everything(_open(folder))
    assert _everything(_open(folder, seed=4)) != read


def test_train_options_leave_test_sessions_alone(folder):
    source = _open(folder, train_negatives="2", targets="last", negative_distribution="popularity")
    assert _sessions(source, "test") == _sessions(_open(folder), "test")


def test_a_share_of_zero_leaves_the_split_out(folder):
    assert set(_open(folder, validation_share="0").splits) == {"train", "test"}
    assert set(_open(folder, test_share="0").splits) == {"train", "validation"}


def test_the_description_says_what_was_read(folder):
    source = _open(folder, test_negatives="2")
    read = _everything(source)
    described = source.description
    assert not source.simulated
    assert described["users"] == 97 and described["items"] == 31
    assert described["items_without_attributes"] == 2
    assert described["test_negatives"] == 2 and described["targets"] == "all"
    for split, sessions in read.items():
        assert described[f"{split}_sessions"] == len(sessions)


def test_the_description_counts_test_targets_that_train_never_saw(tmp_path):
    (tmp_path / "New_item2attributes.json").write_text("{}")
    (tmp_path / "New.txt").write_text("a x y new1\nb y x new2\nc x y new3\nd y x new4\n")
    source = _open(tmp_path, test_share="0.5", validation_share="0", train_negatives="1")
    assert source.description["test_targets_unseen_in_train"] == 1


def test_errors_name_option_or_users(folder, tmp_path):
    with pytest.raises(SourceError, match="`test_negatives` must be at most"):
        _open(folder, test_negatives="30")
    with pytest.raises(SourceError, match="`amazon_negatives` .* one of all, same_category"):
        _open(folder, amazon_negatives="category")
    with pytest.raises(SourceError, match="`targets` .* must be one of all, last"):
        _open(folder, targets="first")
    (tmp_path / "Tiny_item2attributes.json").write_text("{}")
    (tmp_path / "Tiny.txt").write_text("a x y\n")
    with pytest.raises(SourceError, match="none is left for train"):
        _open(tmp_path)
    (tmp_path / "Tiny.txt").write_text("a x\nb y\nc z\n")
    with pytest.raises(SourceError, match="No train user .* has two items"):
        _open(tmp_path)


def test_counts_of_what_users_have_together_come_where_the_spec_asks_for_them(folder):
    spec = read_spec(ROOT / "feature_specs" / "user_sequences_together.yaml")
    source = open_source("user_sequences", spec, str(folder), {"test_share": "0.3"}, 3)
    for split in ("train", "test"):
        (first, *_) = source.splits[split]()
        names = {field.name for field in first.schema.field("candidates").type.value_type}
        assert {"together", "together_most", "together_recent"} <= names
        assert first["candidates"].flatten().field("together").to_numpy().max() > 0
    plain = next(iter(_open(folder).splits["test"]()))
    assert "together" not in str(plain.schema)


@pytest.mark.skipif(not BEAUTY.is_file(), reason="the Amazon 2014 Beauty files are not here")
def test_beauty_has_its_published_numbers_and_popularity_its_known_auc():
    # With nearly all users in test, nearly all last items are left out of the counts.
    options = {"test_share": "0.99", "validation_share": "0"}
    source = open_source("user_sequences", SPEC, str(BEAUTY), options, 1)
    described = source.description
    assert (described["users"], described["items"]) == (22363, 12101)
    assert described["interactions"] == 198502
    assert described["items_without_attributes"] == 0
    candidates = [batch["candidates"].flatten() for batch in source.splits["test"]()]
    popularity, categories, purchase = (
        np.concatenate([part.field(name).to_numpy() for part in candidates])
        for name in ("popularity", "category_matches", "purchase")
    )
    is_positive = purchase == 1
    positive, negative = popularity[is_positive], popularity[~is_positive]
    auc = np.mean((positive > negative) + 0.5 * (positive == negative))
    assert auc == pytest.approx(0.647, abs=0.02)
    assert np.mean(categories[is_positive] > 0) == pytest.approx(0.306, abs=0.01)
    assert np.mean(categories[~is_positive] > 0) == pytest.approx(0.095, abs=0.01)
