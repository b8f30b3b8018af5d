"""Hand-made files in KuaiSAR's format: three users, three days."""

import csv
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The log ends at 08:30 on the 24th in Beijing, 00:30 in UTC.
END = datetime.datetime(2023, 5, 24, 0, 30, tzinfo=datetime.UTC)


def milliseconds(hours_before_end: float) -> int:
    """A time of the log."""
    return round((END.timestamp() - 3600 * hours_before_end) * 1000)


def shown(user: int, hours: float, item: int, click: int = 0, **more: float) -> dict[str, Any]:
    """A row of `rec_inter.csv`."""
    row = {
        "user_id": user,
        "item_id": item,
        "playing_time": 0.0,
        "duration_ms": 20000.0,
        "time": "2023-05-22 15:53:20",
        "timestamp": float(milliseconds(hours)),
        **dict.fromkeys(("click", "forward", "like", "follow", "search"), 0),
        "search_item_related": 0,
    }
    return {**row, "click": click, **more}


def found(
    user: int, hours: float, session: int, item: int, click_cnt: int = 0, **more: Any
) -> dict[str, Any]:
    """A row of `src_inter.csv`, its columns not in the documented order."""
    row = {
        "keyword": "[20, 34, 3]",
        "item_id": item,
        "click_cnt": click_cnt,
        "search_session_id": session,
        "item_type": "VIDEO",
        "user_id": user,
        "search_session_time": "2023-05-22 21:58:52",
        "search_session_timestamp": milliseconds(hours),
        "search_source": "USER_INPUT",
    }
    return {**row, **more}


def item(number: int, **more: Any) -> dict[str, Any]:
    """A row of `item_features.csv`."""
    row = {
        "item_id": number,
        "caption": f"[{number}, 34, 34, 20]",
        "author_id": number % 3 + 1,
        "item_type": "NORMAL",
        "upload_time": "2023-05-20",
        "upload_type": "LongImport",
    }
    for place, level in enumerate(("first", "second", "third", "fourth")):
        row[f"{level}_level_category_id"] = (5, 50 + number % 2, 0, 0)[place]
        row[f"{level}_level_category_name"] = "名"
        row[f"{level}_level_category_name_en"] = "name, with a comma"
    return {**row, **more}


def user(number: int, **more: Any) -> dict[str, Any]:
    """A row of `user_features.csv`."""
    row = {"user_id": number, "search_active_level": 2, "rec_active_level": 4}
    return {**row, "onehot_feat1": number % 3, "onehot_feat2": 7, **more}


def small_log() -> dict[str, list[dict[str, Any]]]:
    """Rows of all files. Item 108 and user 3 have no features."""
    recommendation = [
        shown(1, 60, 101, 1, like=1),
        shown(1, 60, 102),
        shown(2, 60, 101),  # The same time stamp, another user: another session.
        shown(1, 59, 103, 1, playing_time=19000.0),
        shown(1, 40, 101, 0, playing_time=18000.0),
        shown(1, 40, 104, 1, playing_time=17999.0),
        shown(2, 30, 108, 1, follow=1, duration_ms=5000.0, playing_time=5000.0),
        shown(3, 20, 101, 0, duration_ms=""),
        shown(1, 10, 105, 1),
        shown(1, 10, 106, 0, forward=1),
    ]
    search = [
        found(1, 50, 7, 103, 3),
        found(1, 50, 7, 104, 0),
        found(2, 50, 7, 102, 1, keyword="[]"),  # The same number, another user.
        found(1, 28, 8, 102, 0, keyword=""),
        found(1, 28, 8, 107, 1, keyword="", item_type="USER"),
        found(3, 0, 9, 101, 1, search_source="HISTORY"),
        found(3, 0, 9, 109, 0, search_source="HISTORY"),
    ]
    items = [
        *(item(number) for number in (109, 101, 102, 103, 104, 105)),
        item(106, caption="", author_id=0, upload_time="1970-1-1", first_level_category_id=0),
        item(107, second_level_category_id=0, caption="[]"),
    ]
    return {
        "rec_inter.csv": recommendation,
        "src_inter.csv": search,
        "item_features.csv": items,
        "user_features.csv": [user(2), user(1, onehot_feat1="")],
    }


def write_log(folder: Path, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Writes rows to files; lists and texts with commas are in quotes."""
    for name, rows in files.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as lines:
            writer = csv.DictWriter(lines, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
