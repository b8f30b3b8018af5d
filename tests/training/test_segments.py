import numpy as np

from ranking.training.segments import Segmentation
from tests.helpers.evaluation_batches import encoded_batch, evaluation_spec


def _names(batch, dimension, spec=None):
    segmentation = Segmentation(spec or evaluation_spec())
    codes = segmentation.codes(batch)[dimension]
    return [segmentation.name(dimension, code) for code in codes]


def _category_batch(behaviors, candidates, lengths):
    batch = encoded_batch(len(lengths), seed=1)
    batch["behaviors_category"] = np.array(behaviors, dtype=np.int32)
    batch["candidates_category"] = np.array(candidates, dtype=np.int32)
    batch["behaviors_length"] = np.full(len(lengths), len(behaviors[0]), dtype=np.int32)
    batch["candidates_length"] = np.array(lengths, dtype=np.int32)
    return batch


def test_history_is_cut_where_the_names_say():
    batch = encoded_batch(7, seed=1)
    batch["behaviors_length"] = np.array([0, 1, 3, 4, 10, 11, 1000], dtype=np.int32)
    assert _names(batch, "history") == ["0", "1-3", "1-3", "4-10", "4-10", ">10", ">10"]


def test_half_of_the_candidates_make_a_category_old():
    batch = _category_batch(
        behaviors=[[3, 5, 0], [3, 5, 0], [3, 5, 0]],
        candidates=[[3, 7, 0, 0], [3, 7, 8, 0], [5, 9, 3, 7]],
        lengths=[2, 3, 4],
    )
    assert _names(batch, "category") == ["old", "new", "old"]


def test_padding_and_unknown_categories_match_nothing():
    batch = _category_batch(behaviors=[[1, 0], [0, 0]], candidates=[[1, 1], [2, 0]], lengths=[2, 1])
    assert _names(batch, "category") == ["new", "new"]


def test_candidates_beyond_the_length_never_matter():
    batch = _category_batch(behaviors=[[3]], candidates=[[7, 3, 3]], lengths=[1])
    assert _names(batch, "category") == ["new"]


def test_sessions_without_behaviors_are_new():
    batch = encoded_batch(5, seed=1)
    batch["behaviors_category"] = np.zeros((5, 0), dtype=np.int32)
    assert _names(batch, "category") == ["new"] * 5


def test_category_agrees_with_a_loop():
    batch = encoded_batch(97, seed=3)
    expected = []
    for behaviors, candidates, length in zip(
        batch["behaviors_category"],
        batch["candidates_category"],
        batch["candidates_length"],
        strict=True,
    ):
        seen = [category in behaviors and category > 1 for category in candidates[:length]]
        expected.append("old" if sum(seen) >= length / 2 else "new")
    assert _names(batch, "category") == expected
    assert set(expected) == {"old", "new"}


def test_ids_are_called_by_their_values():
    batch = encoded_batch(5, seed=1)
    batch["scenario"] = np.array([2, 3, 1, 0, 2], dtype=np.int32)
    assert _names(batch, "scenario") == ["search", "recommendation", "unknown", "unknown", "search"]


def test_metadata_are_called_by_their_text_in_every_batch():
    segmentation = Segmentation(evaluation_spec())
    names = []
    for cities in ([b"Oslo", b""], ["Århus".encode(), b"Oslo"]):
        batch = encoded_batch(2, seed=1) | {"city": np.array(cities, dtype=object)}
        codes = segmentation.codes(batch)["city"]
        names += [segmentation.name("city", code) for code in codes]
    assert names == ["Oslo", "unknown", "Århus", "Oslo"]


def test_dimensions_follow_the_roles():
    assert Segmentation(evaluation_spec()).dimensions == (
        "history",
        "category",
        "scenario",
        "city",
    )
    bare = evaluation_spec(category=None, scenario=None, segments=())
    assert Segmentation(bare).dimensions == ("history",)


def test_scenario_among_the_segments_is_one_dimension():
    spec = evaluation_spec(segments=("scenario", "city"))
    assert Segmentation(spec).dimensions.count("scenario") == 1
