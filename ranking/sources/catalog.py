"""The sources by name."""

import dataclasses
from collections.abc import Callable, Mapping

from ranking.did_you_mean import did_you_mean
from ranking.features.spec import FeatureSpec
from ranking.sources.session_source import SessionSource
from ranking.sources.source_error import SourceError

OpenFunction = Callable[[FeatureSpec, str | None, Mapping[str, str], int], SessionSource]


@dataclasses.dataclass(frozen=True)
class SourceEntry:
    """One source, described without importing it.

    Attributes:
        open: Maps (spec, input, options, seed) to the source.
        summary: What it reads, in one line.
        input: What its input is, for people; empty where it reads nothing.
        options: What each option does, by name.
    """

    open: OpenFunction
    summary: str
    input: str
    options: Mapping[str, str]


def open_source(
    name: str, spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Maps a source's name and its input to sessions in the spec's table.

    Args:
        name: One of `SOURCES`.
        spec: The feature spec that sessions must fit.
        input: File or folder to read; `None` for a source that reads nothing.
        options: The source's own options, as typed.
        seed: Seeds every random choice of the source. At least 0.

    Raises:
        SourceError: If the source or an option is unknown, or if the input cannot be read.
    """
    if name not in SOURCES:
        raise SourceError(f"There is no source `{name}`. {did_you_mean(name, SOURCES)}")
    if seed < 0:
        raise SourceError(f"`seed` must be at least 0. Received: seed={seed}")
    entry = SOURCES[name]
    for option in options:
        if option not in entry.options:
            hint = did_you_mean(option, entry.options)
            raise SourceError(f"Source `{name}` has no option `{option}`. {hint}")
    return entry.open(spec, input, options, seed)


def _open_simulator(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    from ranking.sources.simulator import open_simulator

    return open_simulator(spec, input, options, seed)


def _open_parquet(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    from ranking.sources.parquet import open_parquet

    return open_parquet(spec, _needed(input, "parquet"), options, seed)


def _open_user_sequences(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    from ranking.sources.user_sequences import open_user_sequences

    return open_user_sequences(spec, _needed(input, "user_sequences"), options, seed)


def _open_amazon_search(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    from ranking.sources.amazon_search import open_amazon_search

    return open_amazon_search(spec, _needed(input, "amazon_search"), options, seed)


def _open_kuaisar(
    spec: FeatureSpec, input: str | None, options: Mapping[str, str], seed: int
) -> SessionSource:
    from ranking.sources.kuaisar import open_kuaisar

    return open_kuaisar(spec, _needed(input, "kuaisar"), options, seed)


def _needed(input: str | None, source: str) -> str:
    if not input:
        raise SourceError(f"Source `{source}` needs `input`, the file or folder to read.")
    return input


SOURCES: Mapping[str, SourceEntry] = {
    "simulator": SourceEntry(
        open=_open_simulator,
        summary="made-up search and recommendation sessions of an online shop",
        input="",
        options={
            "train_sessions": "number of train sessions",
            "validation_sessions": "number of validation sessions",
            "test_sessions": "number of test sessions",
            "users": "number of users",
            "items": "number of items",
            "scenario_difference": "how much preferences differ between search and "
            "recommendation: 0 the same, 1 different, up to 3 unrelated, where most signals matter "
            "in one of the two only",
            "shared_items": "share of a page that repeats what the user saw in the other scenario "
            "earlier that day",
            "search_share": "share of the sessions that are searches",
            "exclusive_wants": "share of what a user may want on a day that is acted on in one "
            "scenario alone, so that the label of the other says nothing of the want",
            "daily_behaviors": "yes: sessions know the behaviors of earlier days alone; no: all",
        },
    ),
    "parquet": SourceEntry(
        open=_open_parquet,
        summary="your own Parquet tables, one session or one impression per row",
        input="a folder with a subfolder or a .parquet file for each of train, validation and test "
        "(train at least); or one file or folder, which the option split splits",
        options={
            "layout": "sessions: one nested row per session; impressions: one row per impression, "
            "the rows of a session together, behaviors as lists in columns such as behaviors_item",
            "split": "time: the newest sessions become test, those before them validation; "
            "user: whole users, at random. For tables without train, validation and test parts",
            "validation_share": "share of the sessions (split=time) or users (split=user) that "
            "become validation",
            "test_share": "the same for test",
        },
    ),
    "user_sequences": SourceEntry(
        open=_open_user_sequences,
        summary="items in time order, one user per line, beside a JSON file of item attributes",
        input="<name>.txt, with <name>_item2attributes.json beside it, or their folder",
        options={
            "name": "which set to read where the input is a folder, for example Beauty",
            "held_out": "what train does not see. users: all of some users (the AW-MoE paper); "
            "items: the last item of every user is test, of some the last but one is validation",
            "test_share": "share of the users that become test, where users are held out",
            "validation_share": "share of the users that become validation, and are not test",
            "targets": "all: a train session for every item but a user's first; last: for the "
            "last item only",
            "train_negatives": "drawn items per train session",
            "test_negatives": "drawn items per test or validation session",
            "negative_distribution": "how train negatives are drawn: uniform or popularity; test "
            "and validation negatives are always uniform",
            "amazon_negatives": "which items negatives are drawn from: all (the AW-MoE paper), or "
            "same_category as the target (the Category-MoE paper's code; harder). Where the "
            "category has too few items, all of it and others; the manifest says how often",
        },
    ),
    "amazon_search": SourceEntry(
        open=_open_amazon_search,
        summary="purchases with published queries; which of them are searches, a hash decides",
        input="a folder with query_text.txt.gz and train.qrels.gz, perhaps test.qrels.gz",
        options={
            "test_share": "share of the users that become test",
            "validation_share": "share of the users that become validation",
            "search_share": "share of the purchases that become searches",
            "cross_candidates": "chance with which a session shows a purchase that the user made "
            "in the other scenario",
            "train_negatives": "candidates beside the target in a train session",
            "test_negatives": "candidates beside the target in a test or validation session",
            "pool_size": "a purchase becomes a search if its query has at least so many items that "
            "the user did not buy",
        },
    ),
    "kuaisar": SourceEntry(
        open=_open_kuaisar,
        summary="the CSV files of KuaiSAR: search and recommendation of one app, with clicks",
        input="a folder with rec_inter.csv, src_inter.csv, user_features.csv and item_features.csv",
        options={
            "validation_days": "times 24 hours before test that are validation",
            "test_days": "times 24 hours at the end that are test",
            "long_play_seconds": "an item played that long, or to its end, has label long_play 1",
        },
    ),
}
