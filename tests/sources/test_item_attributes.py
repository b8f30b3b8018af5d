import json

import pytest

from ranking.sources.item_attributes import read_item_attributes
from ranking.sources.source_error import SourceError

LISTS = {
    "a": [1, 2, 3],  # brand 1
    "b": [2, 4, 2, 3],  # no brand: 2 comes later elsewhere; 2 twice
    "c": [5],  # 5 only ever comes first: a brand, and no category
    "d": [3],  # a category alone
    "e": [],
    "other": [9, 8],
}


def _read(tmp_path, document, items="abcdef"):
    path = tmp_path / "Set_item2attributes.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return read_item_attributes(path, list(items))


def test_brand_category_and_others_follow_the_places_in_the_lists(tmp_path):
    read = _read(tmp_path, LISTS)
    name = list(read.names).__getitem__
    assert [name(brand) for brand in read.brands] == ["1", "", "5", "", "", ""]
    assert [name(category) for category in read.categories] == ["3", "3", "", "3", "", ""]
    assert [name(parent) for parent in read.parents] == ["2", "2", "", "", "", ""]
    others = [
        [name(other) for other in read.others[start:end]]
        for start, end in zip(read.offsets, read.offsets[1:], strict=False)
    ]
    assert others == [["2", "3"], ["2", "4", "3"], [], ["3"], [], []]
    assert read.items_without == 2


def test_the_category_above_is_the_highest_that_tells_items_apart(tmp_path):
    lists = {item: ["all", f"top {item in 'ab'}", "mid", "leaf"] for item in "abcd"}
    lists |= {
        "e": ["brand", "all", "top True"],  # Its category is the highest one.
        "f": ["all"],
        "g": ["all", "top True", "leaf", "all", "top False", "leaf"],  # Two paths.
        "h": ["all", "top True", "all", "top True"],  # The same path twice.
        "i": ["all", "leaf"],
        "j": ["all", "top False", "other"],
    }
    read = _read(tmp_path, lists, "abcdefghij")
    found = [read.names[parent] for parent in read.parents]
    above = ["top True"] * 2 + ["top False"] * 2
    assert found == [*above, "", "", "top True", "", "", "top False"]


def test_none_is_the_empty_string_and_the_first_name(tmp_path):
    read = _read(tmp_path, LISTS)
    assert read.names[0] == "" and len(set(read.names)) == len(read.names)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "must be JSON"),
        ([1], "must hold one object"),
        ({"a": 3}, "item `a` must have a list"),
        ({"a": [""]}, "item `a` must have a list"),
        ({"a": [1.5]}, "item `a` must have a list"),
    ],
)
def test_another_form_is_an_error(tmp_path, document, words):
    with pytest.raises(SourceError, match=words):
        _read(tmp_path, document)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="x.json is missing"):
        read_item_attributes(tmp_path / "x.json", [])
