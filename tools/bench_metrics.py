r"""Measures how fast metrics are added up, and how much memory that takes.

Sessions are simulated chunk by chunk: probabilities that know something of the clicks, and five
dimensions of segments. Making them is not timed.

Example:

    python -m tools.bench_metrics --impressions=10000000 --out=build/bench_metrics.json
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import flags
from rich.console import Console
from rich.table import Table

from pipelines.program import run_program
from tools.machine import peak_memory

FLAGS = flags.FLAGS

_SEGMENTS = {"history": 4, "category": 2, "scenario": 2, "age_group": 5, "city": 31}
_CLICK_RATE = 0.1
_MIB = 2**20


def _define_flags() -> None:
    flags.DEFINE_integer("impressions", 10_000_000, "Impressions to evaluate.", lower_bound=1)
    flags.DEFINE_integer("chunk", 250_000, "Impressions to make at once.", lower_bound=1)
    flags.DEFINE_integer("candidates", 10, "Mean size of a session.", lower_bound=1)
    flags.DEFINE_bool("probabilities", True, "Whether scores are; if not, no losses are measured.")
    flags.DEFINE_integer("seed", 0, "Seeds the simulation.", lower_bound=0)
    flags.DEFINE_string("out", None, "File for the numbers, as JSON.")


def main() -> None:
    """Streams sessions through the metrics and prints the table."""
    console = Console()
    result = _measure()
    console.print(_table(result))
    if FLAGS.out:
        out = Path(FLAGS.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        document = {"simulated": True, "flags": _settings(), "result": result}
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        console.print(f"{'numbers':>8}: {out}", highlight=False)


def _measure() -> dict[str, float]:
    """Adds up simulated sessions -> speed, growth of the peak memory, and what came out."""
    from ranking.metrics.metric_stream import MetricStream

    chance = np.random.default_rng(FLAGS.seed)
    # The memory that the simulation and the imports take is none of the metrics'.
    _simulated(chance, FLAGS.chunk)
    memory = peak_memory()
    stream = MetricStream(are_probabilities=FLAGS.probabilities)
    impressions, spent = 0, np.zeros(2)
    while impressions < FLAGS.impressions:
        chunk = _simulated(chance, min(FLAGS.chunk, FLAGS.impressions - impressions))
        scores = chunk["scores"] if FLAGS.probabilities else 1000 * chunk["scores"]
        start = _clocks()
        stream.update(scores, chunk["labels"], chunk["lengths"], chunk["groups"])
        spent += _clocks() - start
        impressions += len(scores)
    start = _clocks()
    metrics, groups = stream.everything(), stream.by_group()
    seconds, cpu_seconds = spent + _clocks() - start
    return {
        "impressions": impressions,
        "sessions": metrics["sessions"],
        "groups": 1 + sum(map(len, groups.values())),
        "impressions_per_second": impressions / seconds,
        "impressions_per_cpu_second": impressions / cpu_seconds,
        "peak_memory_growth_mib": (peak_memory() - memory) / _MIB,
        "session_auc": metrics["session_auc"],
        "auc": metrics["auc"],
        "auc_error_bound": stream.auc_error,
    }


def _clocks() -> npt.NDArray[np.float64]:
    """The time on the wall, and what this process had of the processor: others may share it."""
    return np.array([time.perf_counter(), time.process_time()])


def _simulated(chance: np.random.Generator, impressions: int) -> dict[str, Any]:
    """About as many impressions as asked for, in whole sessions, with their segments."""
    count = max(1, impressions // FLAGS.candidates)
    lengths = 1 + chance.poisson(FLAGS.candidates - 1, count)
    clicked = chance.random(lengths.sum()) < _CLICK_RATE
    logits = chance.normal(-2.5, 1, len(clicked)) + clicked
    return {
        "scores": (1 / (1 + np.exp(-logits))).astype(np.float32),
        "labels": clicked.astype(np.float32),
        "lengths": lengths,
        "groups": {name: chance.integers(0, size, count) for name, size in _SEGMENTS.items()},
    }


def _settings() -> dict[str, Any]:
    names = ("impressions", "chunk", "candidates", "probabilities", "seed")
    return {name: FLAGS[name].value for name in names}


def _table(result: Mapping[str, float]) -> Table:
    title = f"All metrics by {len(_SEGMENTS)} dimensions of segments, simulated sessions"
    table = Table(title=title, title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row("impressions", f"{result['impressions']:,}")
    table.add_row("sessions", f"{result['sessions']:,}")
    table.add_row("groups", f"{result['groups']:,}")
    table.add_row("impressions per second", f"{result['impressions_per_second']:,.0f}")
    table.add_row("impressions per CPU second", f"{result['impressions_per_cpu_second']:,.0f}")
    table.add_row("growth of the peak memory", f"{result['peak_memory_growth_mib']:,.0f} MiB")
    table.add_row("pooled AUC", f"{result['auc']:.6f}")
    table.add_row("its error, at most", f"{result['auc_error_bound']:.1e}")
    return table


if __name__ == "__main__":
    _define_flags()
    run_program(main, uses_tensorflow=False)
