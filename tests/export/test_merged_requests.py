"""Merging as a batching server does it."""

import numpy as np
import pytest

from ranking.export.merged_requests import merge_requests


def test_tensors_are_padded_behind_with_their_own_first_element() -> None:
    first = {
        "length": np.array([2, 1], np.int32),
        "ids": np.array([[3, 4], [5, 6]]),
        "tags": np.array([[["a"], ["b"]], [["c"], ["d"]]], object),
        "only_here": np.array([1, 2]),
    }
    second = {
        "tags": np.array([[["x", "y", "z"]]], object),
        "ids": np.array([[7, 8, 9]]),
        "length": np.array([3], np.int32),
    }
    merged = merge_requests([first, second])
    assert set(merged) == {"length", "ids", "tags"}
    assert merged["length"].tolist() == [2, 1, 3]
    assert merged["ids"].tolist() == [[3, 4, 3], [5, 6, 3], [7, 8, 9]]
    assert merged["tags"].tolist() == [
        [["a", "a", "a"], ["b", "a", "a"]],
        [["c", "a", "a"], ["d", "a", "a"]],
        [["x", "y", "z"], ["x", "x", "x"]],
    ]
    assert {name: value.dtype for name, value in merged.items()} == {
        name: first[name].dtype for name in merged
    }


def test_one_request_stays_as_it_is() -> None:
    request = {"ids": np.array([[3, 4]]), "empty": np.zeros([1, 0])}
    merged = merge_requests([request])
    assert {name: value.tolist() for name, value in merged.items()} == {
        "ids": [[3, 4]],
        "empty": [[]],
    }


def test_an_empty_tensor_has_nothing_to_be_padded_with() -> None:
    with pytest.raises(ValueError, match=r"`ids` must have an element .* shape \(1, 0\). Send one"):
        merge_requests([{"ids": np.zeros([1, 0])}, {"ids": np.zeros([1, 2])}])
