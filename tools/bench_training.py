r"""Measures training: the step, what feeds it, and what it costs where something is large.

Everything is a ratio within one run, or stands beside one: ways of doing the same thing take turns
on sessions that are simulated, all of one size. What a number is compared with is kept here: the
same model with a row per impression (`flat_keras`), products of large matrices, records of single
impressions.

Parts:
  step         a training step against flat rows, and its share of what the machine can do
  history      a step with long histories
  tables       a step with large tables, and the memory it takes
  pipeline     records to encoded batches
  preparation  Parquet files to records
  evaluation   records to metrics
  run          an epoch from records against bare steps

Examples:

    python -m tools.bench_training --out=build/bench_training
    python -m tools.bench_training --only=step --peer=torch --peer_python=torch=venv/bin/python
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from absl import flags
from rich.console import Console
from rich.table import Table

from pipelines.program import run_program
from tools.training_measure import BenchSizes, Measure, documented
from tools.training_report import number, quartiles, training_markdown
from tools.whole_file import write_whole

FLAGS = flags.FLAGS

PARTS = ("step", "history", "tables", "pipeline", "preparation", "evaluation", "run")
_WIDTH = 130
_SIZES = {
    "impressions": (1024, "Impressions of a step, about."),
    "batch_parts": (1, "Parts of a step's batch that share the cores, as in training."),
    "candidates": (11, "Candidates of a session."),
    "behaviors": (50, "Behaviors of a session."),
    "long_behaviors": (500, "Behaviors of a session with a long history."),
    "table_rows": (10_000, "Rows of the tables of items and of queries."),
    "sessions": (40_000, "Sessions of each split of the records."),
    "repetitions": (9, "How often every way is timed."),
    "steps": (10, "Steps that are timed at once."),
}


def _define_flags() -> None:
    flags.DEFINE_string("out", "build/bench_training", "Folder for the numbers and the table.")
    flags.DEFINE_list("only", list(PARTS), "Parts to measure.")
    flags.DEFINE_list(
        "peer", [], "Other packages to time in `step`: torch, torch_compile, deepctr."
    )
    flags.DEFINE_multi_string(
        "peer_python", [], "name=path of a Python that has the package of a peer. Repeatable."
    )
    for name, (value, help_) in _SIZES.items():
        flags.DEFINE_integer(name, value, help_, lower_bound=1)
    flags.DEFINE_list("large_tables", ["1000000", "10000000"], "Rows of larger tables of items.")
    flags.DEFINE_integer("seed", 0, "Seeds weights and sessions.", lower_bound=0)


def main() -> None:
    """Measures what the flags ask for, and writes `bench_training.json` and `bench_training.md`."""
    from ranking.training.batch_parts import share_cores
    from tools.machine import describe_machine

    share_cores(FLAGS.batch_parts)
    # Tables are for eyes: wider than what a file or a pipe is taken for.
    console, out = Console(width=max(Console().width, _WIDTH)), Path(FLAGS.out)
    sizes, parts = _sizes(), _only()
    out.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {
        "simulated": True,
        "machine": describe_machine(),
        "flags": {name: FLAGS[name].value for name in (*_SIZES, "large_tables", "seed", "peer")},
        "parts": {},
    }
    with tempfile.TemporaryDirectory(dir=out) as folder:
        measures_of = _measures_of(sizes, Path(folder))
        for part in parts:
            with console.status(part):
                measures = list(measures_of[part]())
            console.print(_table(part, measures))
            document["parts"][part] = documented(measures)
            # What is measured stays, should the rest be interrupted.
            write_whole(out / "bench_training.json", json.dumps(document, indent=1) + "\n")
            write_whole(out / "bench_training.md", training_markdown(document))
    for name in ("bench_training.json", "bench_training.md"):
        console.print(f"{'report':>8}: {out / name}", highlight=False)


def _measures_of(sizes: BenchSizes, folder: Path) -> dict[str, Callable[[], Iterable[Measure]]]:
    """What measures each part. Records are written into `folder` once a part needs them."""
    from tools import bench_training_records as of_records
    from tools.bench_training_length import history_measures, table_measures
    from tools.bench_training_step import step_measures
    from tools.training_peers import peer_makers
    from tools.training_sessions import BenchRecords

    peers, records = peer_makers(FLAGS.peer, _pythons()), BenchRecords(sizes, folder)
    return {
        "step": lambda: step_measures(sizes, peers),
        "history": lambda: history_measures(sizes),
        "tables": lambda: table_measures(sizes),
        "pipeline": lambda: of_records.pipeline_measures(sizes, records),
        "preparation": lambda: of_records.preparation_measures(sizes, records),
        "evaluation": lambda: of_records.evaluation_measures(sizes, records),
        "run": lambda: of_records.run_measures(sizes, records),
    }


def _sizes() -> BenchSizes:
    rows = FLAGS.large_tables
    if not all(value.isdecimal() and int(value) > FLAGS.table_rows for value in rows):
        raise ValueError(
            "`--large_tables` must be whole numbers above --table_rows, with commas. Received: "
            f"{','.join(rows)} with --table_rows={FLAGS.table_rows}"
        )
    if FLAGS.sessions < max(1, round(FLAGS.impressions / FLAGS.candidates)):
        raise ValueError(
            "`--sessions` must fill a step, which takes impressions / candidates of them. "
            f"Received: --sessions={FLAGS.sessions} with --impressions={FLAGS.impressions}, "
            f"--candidates={FLAGS.candidates}"
        )
    values = {name: FLAGS[name].value for name in (*_SIZES, "seed")}
    return BenchSizes(**values, large_tables=tuple(map(int, rows)))


def _only() -> list[str]:
    for part in FLAGS.only:
        if part not in PARTS:
            raise ValueError(f"`--only` must be some of {', '.join(PARTS)}. Received: {part}")
    return [part for part in PARTS if part in FLAGS.only]


def _pythons() -> Mapping[str, str]:
    pythons = {}
    for written in FLAGS.peer_python:
        name, equals, path = written.partition("=")
        if not equals or not path:
            raise ValueError(f"`--peer_python` must be name=path. Received: {written}")
        pythons[name] = path
    return pythons


def _table(part: str, measures: Iterable[Measure]) -> Table:
    table = Table(title=f"{part}, simulated sessions", title_justify="left", box=None)
    table.add_column(no_wrap=True)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("quartiles", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for each in measures:
        table.add_row(each.name, number(each.median), quartiles(each), each.unit, each.goal)
    return table


if __name__ == "__main__":
    _define_flags()
    run_program(main)
