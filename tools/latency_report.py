"""Latencies as Markdown, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
# Title of the column, way of asking, and calls of it.
_COLUMNS = (
    ("joint", "joint", "serving_default"),
    ("gate", "gate", "gate"),
    ("score", "gate", "score"),
    ("gate + score", "gate", "gate+score"),
    ("state", "state", "session_state"),
    ("score with state", "state", "score_with_state"),
    ("state + score", "state", "session_state+score_with_state"),
    ("flat", "flat", "serving_default"),
    ("flat gate", "flat_gate", "gate"),
    ("flat Keras", "flat_keras", "serving_default"),
)
_RATIOS = (("flat Keras", "gate + score"), ("flat", "gate + score"), ("flat gate", "gate"))
_KEYS = ("size", "client", "threads")
_CLIENTS = {"native": "C++ client", "python": "within Python"}

Row = Mapping[str, Any]


def latency_markdown(document: Mapping[str, Any]) -> str:
    """The report of `bench_serving` -> tables, one per size of the model, client and threads."""
    machine, flags = document["machine"], document["flags"]
    data = "Simulated sessions. " if document["simulated"] else ""
    lines = [
        f"# How long {flags['model']} takes to answer",
        "",
        f"{data}Milliseconds of one session, p50 / p95 / p99, the model's own work alone: no "
        "network, no server. C candidates, T behaviors. `flat` is the same model with a row per "
        "candidate, the session repeated; `flat gate` the gate alone in this way; `flat Keras` the "
        "same model of standard Keras layers, with the same weights and scores, a row per "
        "candidate. Ratios are of p50: how many times cheaper a session is than flat rows.",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, TensorFlow "
        f"{machine['tensorflow']}; load before the measurement "
        f"{' '.join(map(str, machine['load_before']))}. Up to {flags['passes']} passes over up to "
        f"{flags['sessions']} sessions, {flags['seconds']:g} s for each way at most; of fewer than "
        "100 calls the p99 is the longest.",
    ]
    rows = document["rows"]
    for group in dict.fromkeys(tuple(row[key] for key in _KEYS) for row in rows):
        chosen = [row for row in rows if tuple(row[key] for key in _KEYS) == group]
        lines += ["", *_section(group, chosen)]
    return "\n".join(lines) + "\n"


def _section(group: tuple[Any, ...], rows: Sequence[Row]) -> Iterator[str]:
    size, client, threads = group
    yield f"## Size {size}, {_CLIENTS[client]}, {threads} thread{'s' if threads > 1 else ''}"
    yield ""
    columns = [column for column in _COLUMNS if any(_is(row, column) for row in rows)]
    ratios = [f"{above} : {below}" for above, below in _RATIOS]
    titles = ["C", "T", *(title for title, _, _ in columns), *ratios]
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for place in dict.fromkeys((row["candidates"], row["behaviors"]) for row in rows):
        here = [row for row in rows if (row["candidates"], row["behaviors"]) == place]
        found = {column[0]: _found(here, column) for column in columns}
        cells = [_cell(row) for row in found.values()]
        ratios = [_ratio(found, above, below) for above, below in _RATIOS]
        yield f"| {' | '.join([*map(str, place), *cells, *ratios])} |"


def _is(row: Row, column: tuple[str, str, str]) -> bool:
    return (row["way"], row["calls"]) == column[1:]


def _found(rows: Sequence[Row], column: tuple[str, str, str]) -> Row | None:
    return next((row for row in rows if _is(row, column)), None)


def _cell(row: Row | None) -> str:
    return "" if row is None else " / ".join(_number(row[name]) for name in _PERCENTILES)


def _number(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"


def _ratio(found: Mapping[str, Row | None], above: str, below: str) -> str:
    first, second = found.get(above), found.get(below)
    return "" if first is None or second is None else f"{first['p50_ms'] / second['p50_ms']:.1f}"
