"""Search and recommendation sessions from the files of KuaiSAR."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from ranking.features.spec import FeatureSpec
from ranking.sources.flat_lists import bounded_slices
from ranking.sources.history_counts import Integers
from ranking.sources.kuaisar_files import read_items, read_recommendation, read_search, read_users
from ranking.sources.kuaisar_items import KuaisarItems
from ranking.sources.kuaisar_log import KuaisarLog, join_log
from ranking.sources.kuaisar_sessions import KuaisarSessions
from ranking.sources.options import Options
from ranking.sources.session_source import SessionSource
from ranking.sources.session_table import arrow_schema, conform
from ranking.sources.source_error import SourceError

_ITEMS_PER_BATCH = 65536
_DAY = 86_400_000  # Milliseconds.


def open_kuaisar(
    spec: FeatureSpec, input: str, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Maps `rec_inter.csv`, `src_inter.csv`, `user_features.csv`, `item_features.csv` to sessions.

    A search session is a user and a search session id; a recommendation session is what a user was
    shown at one time stamp. Candidates are all items it showed, in the order of the files. Files
    are read by their headers; items and users without a row in the feature files have nulls.

    **Splits** are by time: the last `test_days` times 24 hours are test, the `validation_days`
    before them validation. A history has the newest clicks of the user in both scenarios, as many
    as the spec keeps, from sessions strictly before; those may lie in an earlier split, as when a
    model serves.

    **Counts** look back too, for train sessions as for others. `popularity` and `shown` are clicks
    and showings of the item on earlier days (UTC): one number per item would tell a label, as most
    items are shown once or twice. What an item does after it is shown (how long it played, whether
    a search followed) is in no feature.

    The sessions have the columns `session_id`, `user_id`, `time` (seconds), `scenario`, `query` and
    `search_source` (null in recommendation), `search_active_level`, `rec_active_level`,
    `onehot_feat1`, `onehot_feat2`; in behaviors and candidates `item`, `author`, `category` (second
    level), `parent_category` (first level); in behaviors also `scenario` and `days_ago`; in
    candidates also `type` (null in recommendation), `caption`, `popularity`, `shown`, `age_days`,
    `duration_seconds` (NaN in search), how many earlier clicks of the user share the author
    (`author_matches`) or category (`category_matches`), and how many words of the caption are in
    the query (`query_matches`). Labels: `click` (in search: clicked once or more), `engagement`
    (liked, forwarded or author followed) and `long_play` (played to the end, or
    `long_play_seconds`). The last two are only logged in recommendation; in search they are 0.

    The rows of both logs are in memory, about 200 bytes each; sessions are built as they are read.

    Args:
        spec: The feature spec.
        input: The folder of the files.
        options: Those that the catalog lists, as typed.
        seed: Not used, as nothing is drawn.

    Raises:
        SourceError: If a file or an option is wrong, or if the spec needs another column.
    """
    del seed
    chosen = Options("kuaisar", options)
    validation_days = chosen.count("validation_days", 1)
    test_days = chosen.count("test_days", 1)
    seconds = chosen.count("long_play_seconds", 18)
    folder = Path(input)
    log = join_log(
        read_search(folder / "src_inter.csv"), read_recommendation(folder / "rec_inter.csv")
    )
    items = KuaisarItems.join(log.items, read_items(folder / "item_features.csv"))
    rows = KuaisarSessions(
        log,
        items,
        read_users(folder / "user_features.csv"),
        history_length=spec.behaviors_max_length,
        long_play=seconds * 1000,
    )
    splits = _split_by_time(log, validation_days, test_days, folder)
    schema = arrow_schema(spec)
    readers = {
        split: functools.partial(_read, rows, sessions, schema, input)
        for split, sessions in splits.items()
    }
    described: dict[str, str | int | float] = {
        "source": "kuaisar",
        "input": input,
        "validation_days": validation_days,
        "test_days": test_days,
        "long_play_seconds": seconds,
        "users": len(log.users),
        "items": len(log.items),
        "items_without_features": items.unknown,
        **{f"{split}_sessions": len(sessions) for split, sessions in splits.items()},
        **{f"{split}_searches": int(log.is_search[at].sum()) for split, at in splits.items()},
    }
    return SessionSource(readers, simulated=False, description=described)


def _read(
    rows: KuaisarSessions, sessions: Integers, schema: pa.Schema, where: str
) -> Iterator[pa.RecordBatch]:
    """A pass over sessions."""
    for part in bounded_slices(rows.sizes[sessions], _ITEMS_PER_BATCH):
        yield conform(rows.batch(sessions[part]), schema, where)


def _split_by_time(
    log: KuaisarLog, validation_days: int, test_days: int, folder: Path
) -> dict[str, Integers]:
    """Numbers of the sessions of each split."""
    end = log.session_times.max(initial=0)
    bounds = end - _DAY * np.array([validation_days + test_days, test_days])
    places = np.searchsorted(log.session_times, bounds, side="right")
    numbers = np.split(np.arange(log.sessions), places)
    splits = dict(zip(("train", "validation", "test"), numbers, strict=True))
    empty = [split for split, sessions in splits.items() if not len(sessions)]
    if empty:
        raise SourceError(
            f"The sessions of {folder} leave {' and '.join(empty)} empty: the last {test_days} "
            f"times 24 hours are test, the {validation_days} before them validation. Give logs "
            "of more days, or other values of validation_days and test_days."
        )
    return splits
