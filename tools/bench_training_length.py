"""The parts `history` and `tables` of `bench_training`: what a step costs where something is long.

Longer histories should cost what they hold, larger tables nothing at all.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from pipelines.program import import_tensorflow_quietly
from tools.machine import peak_memory
from tools.paired_timing import Numbers, timed_in_turn
from tools.training_measure import BenchSizes, Measure, counted, measured

_MEBI = 2**20
_COPIES = 3  # a table and the two moments of AdamW
_FLOAT = 4


@dataclasses.dataclass(frozen=True)
class TableSteps:
    """What a process found with a large table.

    Attributes:
        ratio: How many times longer than with the small table a step took, by repetition.
        milliseconds: What a step took.
        table_bytes: Size of the table with its moments.
        peak_bytes: The most memory that the process had.
    """

    ratio: Numbers
    milliseconds: Numbers
    table_bytes: int
    peak_bytes: int


def history_measures(sizes: BenchSizes) -> list[Measure]:
    """Times steps with short and with long histories in turn."""
    runs = {
        f"{behaviors} behaviors": _steps(sizes, behaviors, sizes.table_rows)
        for behaviors in (sizes.behaviors, sizes.long_behaviors)
    }
    timed = _timed(runs, sizes)
    short, long = runs
    goal = f"at most {1.05 * sizes.long_behaviors / sizes.behaviors:g}"
    return [
        *(measured(name, "ms/step", 1e3 * timed[name] / sizes.steps) for name in runs),
        measured(f"{long} : {short}", "", timed[long] / timed[short], goal),
    ]


def table_measures(sizes: BenchSizes) -> Iterator[Measure]:
    """Times steps with small and large tables in turn, each large one in a process of its own."""
    small = f"{sizes.table_rows:,} rows"
    for rows in sizes.large_tables:
        # Memory that was taken once still counts as a process's peak.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            found = pool.submit(steps_of_table, sizes, rows).result()
        name = f"{rows:,} rows"
        beyond = (found.peak_bytes - found.table_bytes) / _MEBI
        yield measured(name, "ms/step", found.milliseconds)
        yield measured(f"{name} : {small}", "", found.ratio, "at most 1.2")
        yield counted(f"{name}, table and moments", "MiB", found.table_bytes / _MEBI)
        yield counted(f"{name}, peak memory beyond those", "MiB", beyond, "at most 1024")


def steps_of_table(sizes: BenchSizes, rows: int) -> TableSteps:
    """Times steps with a table of so many rows and with a small one, in this process."""
    # As docs/scale.md says for large tables: oneDNN's own allocator keeps a 32nd of them beside.
    os.environ["TF_ONEDNN_USE_SYSTEM_ALLOCATOR"] = "1"
    import_tensorflow_quietly()
    from ranking.training.batch_parts import share_cores
    from tools.training_load import bench_spec

    share_cores(sizes.batch_parts)
    runs = {
        "large": _steps(sizes, sizes.behaviors, rows),
        "small": _steps(sizes, sizes.behaviors, sizes.table_rows),
    }
    timed = _timed(runs, sizes)
    width = bench_spec(sizes.behaviors, rows).tables["item"].width
    return TableSteps(
        ratio=timed["large"] / timed["small"],
        milliseconds=1e3 * timed["large"] / sizes.steps,
        table_bytes=_COPIES * _FLOAT * width * rows,
        peak_bytes=peak_memory(),
    )


def _steps(sizes: BenchSizes, behaviors: int, item_rows: int) -> Callable[[int], None]:
    """Takes steps of a new model with such histories and such a table of items."""
    import keras

    from tools.training_load import bench_spec, encoded_batch
    from tools.training_steps import SessionSteps

    keras.utils.set_random_seed(sizes.seed)
    spec = bench_spec(behaviors, sizes.table_rows, item_rows)
    chance = np.random.default_rng(sizes.seed)
    batch = encoded_batch(spec, sizes.step_sessions, sizes.candidates, chance)
    return SessionSteps(spec, batch, parts=sizes.batch_parts).run


def _timed(runs: Mapping[str, Callable[[int], None]], sizes: BenchSizes) -> dict[str, Numbers]:
    ways = {name: (lambda run=run: run(sizes.steps)) for name, run in runs.items()}
    return {name: way.seconds for name, way in timed_in_turn(ways, sizes.repetitions).items()}
