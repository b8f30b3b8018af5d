"""Reads the files of KuaiSAR."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ranking.sources.csv_columns import read_csv_columns
from ranking.sources.history_counts import Integers

USER_FIELDS = ("search_active_level", "rec_active_level", "onehot_feat1", "onehot_feat2")
_TEXT = pa.large_string()
_RECOMMENDATION = {
    "user_id": pa.int64(),
    "item_id": pa.int64(),
    "timestamp": pa.float64(),
    "playing_time": pa.float32(),
    "duration_ms": pa.float32(),
    **{name: pa.int8() for name in ("click", "like", "follow", "forward")},
}
_SEARCH = {
    "user_id": pa.int64(),
    "search_session_id": pa.int64(),
    "search_session_timestamp": pa.float64(),
    "keyword": _TEXT,
    "search_source": _TEXT,
    "item_id": pa.int64(),
    "item_type": _TEXT,
    "click_cnt": pa.int64(),
}
_USERS = {name: pa.int64() for name in ("user_id", *USER_FIELDS)}
_ITEMS = {
    "item_id": pa.int64(),
    "caption": _TEXT,
    "author_id": pa.int64(),
    "upload_time": _TEXT,
    "first_level_category_id": pa.int64(),
    "second_level_category_id": pa.int64(),
}
_PUNCTUATION = r"[\[\],'\"\s]+"


@dataclasses.dataclass(frozen=True)
class ShownItems:
    """Rows of one scenario's file: items that were shown, in the file's order.

    Attributes:
        users: Who saw it.
        groups: What tells the sessions of one user apart.
        times: When, in milliseconds since 1970.
        items: What was shown.
        clicks: Whether it was clicked.
        engaged: Whether it was liked or forwarded or its author followed; never in search.
        played: Milliseconds that it was played; 0 in search.
        durations: Its length in milliseconds; NaN in search.
        texts: Columns `query`, `search_source` and `type` of a search; empty in recommendation.
    """

    users: Integers
    groups: Integers
    times: Integers
    items: Integers
    clicks: npt.NDArray[np.bool_]
    engaged: npt.NDArray[np.bool_]
    played: npt.NDArray[np.float32]
    durations: npt.NDArray[np.float32]
    texts: Mapping[str, pa.Array]


def read_recommendation(path: Path) -> ShownItems:
    """Maps `rec_inter.csv` to what was shown; what a user was shown at one time is a session.

    Raises:
        SourceError: If the file or a column is wrong.
    """
    columns = read_csv_columns(path, _RECOMMENDATION, nullable=("playing_time", "duration_ms"))
    read = {name: _numpy(array) for name, array in columns.items()}
    times = read["timestamp"].astype(np.int64)
    return ShownItems(
        users=read["user_id"],
        groups=times,
        times=times,
        items=read["item_id"],
        clicks=read["click"] > 0,
        engaged=(read["like"] > 0) | (read["follow"] > 0) | (read["forward"] > 0),
        played=np.nan_to_num(read["playing_time"]),
        durations=read["duration_ms"],
        texts={},
    )


def read_search(path: Path) -> ShownItems:
    """Maps `src_inter.csv` to what was shown; a user and a search session id are a session.

    Raises:
        SourceError: If the file or a column is wrong.
    """
    nullable = ("keyword", "search_source", "item_type")
    columns = read_csv_columns(path, _SEARCH, nullable=nullable)
    users = _numpy(columns["user_id"])
    return ShownItems(
        users=users,
        groups=_numpy(columns["search_session_id"]),
        times=_numpy(columns["search_session_timestamp"]).astype(np.int64),
        items=_numpy(columns["item_id"]),
        clicks=_numpy(columns["click_cnt"]) > 0,
        engaged=np.zeros(len(users), np.bool_),
        played=np.zeros(len(users), np.float32),
        durations=np.full(len(users), np.nan, np.float32),
        texts={
            "query": words(columns["keyword"]),
            "search_source": columns["search_source"].dictionary_encode(),
            "type": columns["item_type"].dictionary_encode(),
        },
    )


def read_users(path: Path) -> Mapping[str, pa.Array]:
    """Maps `user_features.csv` to its columns.

    Raises:
        SourceError: If the file or a column is wrong.
    """
    return read_csv_columns(path, _USERS, nullable=USER_FIELDS)


def read_items(path: Path) -> Mapping[str, pa.Array]:
    """Maps `item_features.csv` to `item_id`, `caption` (words), `author`, `category` (second
    level), `parent_category` (first level), `uploaded` (days since 1970). What the publisher pads
    is null.

    Raises:
        SourceError: If the file or a column is wrong.
    """
    nullable = [name for name in _ITEMS if name != "item_id"]
    read = read_csv_columns(path, _ITEMS, nullable=nullable)
    return {
        "item_id": read["item_id"],
        "caption": words(read["caption"]),
        "author": _null_if_zero(read["author_id"]),
        "category": _null_if_zero(read["second_level_category_id"]),
        "parent_category": _null_if_zero(read["first_level_category_id"]),
        "uploaded": _null_if_zero(_days(read["upload_time"])),
    }


def words(column: pa.Array) -> pa.Array:
    """Maps lists that are written as text, such as `[20, 34, 3]`, to words between blanks.

    Null, the empty text and the empty list become null.

    Example:
    >>> words(pa.array(["[20, 34, 3]", "[]"])).to_pylist()
    ['20 34 3', None]
    """
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(column, _PUNCTUATION, " "))
    return pc.if_else(pc.equal(text, ""), None, text)


def _days(column: pa.Array) -> pa.Array:
    dates = pc.replace_substring_regex(column, r"[ T].*$", "")
    seconds = pc.strptime(dates, format="%Y-%m-%d", unit="s", error_is_null=True)
    return pc.divide(seconds.cast(pa.int64()), 86400)


def _null_if_zero(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, 0), None, column)


def _numpy(column: pa.Array) -> npt.NDArray[Any]:
    return column.to_numpy(zero_copy_only=False)
