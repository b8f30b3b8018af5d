r"""Measures how long an exported model takes to answer: at once, gate first, state first, and flat.

A model with random weights is exported for histories as long as the longest asked for: weights do
not change how long it takes. Sessions are put together from those of the test split. Each way of
asking is a file of requests, which a process of its own repeats in turn with the others:
`saved_model_client`, without Python, or `in_process_client`. Only the model's own work is timed.
Beside `aw_moe` stands the same model as it is usually written, of standard Keras layers with a row
per candidate (`flat_keras`), with the same weights and scores.
All that the flags ask for by default takes about a quarter of an hour and 4 GB of memory.

Example:

    python -m tools.bench_serving --data=data/demo --out=build/bench_serving
    python -m tools.bench_serving --data=data/demo --out=build/some --sizes=demo \
        --candidates=100 --behaviors=50,1000 --threads=1
"""

import dataclasses
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from rich.console import Console

from pipelines.program import run_program

if TYPE_CHECKING:
    from ranking.features.prepared_data import PreparedData
    from tools.serving_load import Request

FLAGS = flags.FLAGS

# What differs from the spec and the model's defaults; paper is the embedding size of the USR paper
# and the experts that the AW-MoE paper's figure leaves open, at their large preset.
SIZES: dict[str, dict[str, Any]] = {
    "demo": {"width": None, "settings": {}},
    "paper": {"width": 32, "settings": {"expert_hidden_sizes": (512, 256, 128)}},
}
_NUMBERS = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")
_MOST_PAIRS = 2_000_000  # of a candidate and a behavior, in all sessions of a size but two


def _define_flags() -> None:
    flags.DEFINE_string("data", None, "Prepared data with a test split.", required=True)
    flags.DEFINE_string("out", None, "Folder for the numbers and the table.", required=True)
    flags.DEFINE_string("model", "aw_moe", "Model of the catalog.")
    flags.DEFINE_list("sizes", list(SIZES), "Sizes of the model.")
    flags.DEFINE_list("candidates", ["10", "100", "500", "1000"], "Candidates of a session.")
    flags.DEFINE_list("behaviors", ["50", "200", "1000"], "Behaviors of a session.")
    flags.DEFINE_list("threads", ["1", "2"], "Threads of the model.")
    flags.DEFINE_enum("client", "native", ["native", "python", "both"], "Who asks the model.")
    flags.DEFINE_integer(
        "sessions", 8, "Sessions of each size, fewer of the largest.", lower_bound=1
    )
    flags.DEFINE_integer("passes", 100, "Most times to repeat them.", lower_bound=1)
    flags.DEFINE_float("seconds", 2.0, "Ends a way's repetition sooner.", lower_bound=0.0)
    flags.DEFINE_integer("seed", 0, "Seeds weights and sessions.", lower_bound=0)


def main() -> None:
    """Measures what the flags ask for, and writes `latency.json` and `latency.md`."""
    from ranking.features.prepared_data import read_prepared
    from tools.latency_report import latency_markdown
    from tools.machine import describe_machine
    from tools.whole_file import write_whole

    console = Console()
    data, out = read_prepared(FLAGS.data), Path(FLAGS.out)
    grid = _grid()
    _check_sizes()
    if missing := flat_missing(data):
        console.print(f"no flat Keras beside it: {missing}", highlight=False, soft_wrap=True)
    out.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {
        "simulated": data.manifest.simulated,
        "machine": describe_machine(),
        "flags": {name: FLAGS[name].value for name in ("model", "sessions", "passes", "seconds")},
        "rows": [],
    }
    with tempfile.TemporaryDirectory(dir=out, prefix=".unfinished-") as folder:
        for size in FLAGS.sizes:
            longer = resized(data, max(behaviors for _, behaviors in grid), SIZES[size]["width"])
            with console.status(f"exporting {FLAGS.model}, size {size}"):
                model = _Model(longer, size, Path(folder) / size)
            for row in _measured(console, model, size, grid, Path(folder)):
                document["rows"].append(row)
                # What is measured stays, should the rest be interrupted.
                write_whole(out / "latency.json", json.dumps(document, indent=1) + "\n")
                write_whole(out / "latency.md", latency_markdown(document))
    for name in ("latency.json", "latency.md"):
        console.print(f"{'report':>8}: {out / name}", highlight=False)


def resized(data: "PreparedData", behaviors: int, width: int | None) -> "PreparedData":
    """The same data under a spec that keeps so many behaviors, with tables of that width."""
    spec = data.spec
    tables = spec.tables
    if width is not None:
        tables = {name: dataclasses.replace(table, width=width) for name, table in tables.items()}
    spec = dataclasses.replace(spec, tables=tables, behaviors_max_length=behaviors)
    return dataclasses.replace(data, spec=spec)


def _grid() -> list[tuple[int, int]]:
    """Candidates and behaviors."""
    return list(itertools.product(_positive("candidates"), _positive("behaviors")))


def _positive(flag: str) -> list[int]:
    values = FLAGS[flag].value
    if not values or not all(value.isdecimal() and int(value) > 0 for value in values):
        raise ValueError(
            f"`--{flag}` must be whole numbers above 0, with commas. Received: {','.join(values)}"
        )
    return [int(value) for value in values]


def _check_sizes() -> None:
    for size in FLAGS.sizes:
        if size not in SIZES:
            raise ValueError(f"`--sizes` must be some of {', '.join(SIZES)}. Received: {size}")


def flat_missing(data: "PreparedData") -> str | None:
    """Why there is no flat model to compare with, or `None`."""
    from tools.flat_keras import flat_refusal

    if FLAGS.model != "aw_moe":
        return f"Only `aw_moe` is written flat. Received: {FLAGS.model}"
    return flat_refusal(data.spec)


class _Model:
    """A model with random weights, exported; flat too, for the lengths that are asked for.

    Args:
        data: Data to export with.
        size: One of `SIZES`.
        folder: Where to.
    """

    def __init__(self, data: "PreparedData", size: str, folder: Path) -> None:
        import keras

        from ranking.export.model_card import TrainedModel
        from ranking.export.saved_model import export_networks
        from ranking.features.encoder import Encoder
        from ranking.models.catalog import build, model_entry

        keras.utils.set_random_seed(FLAGS.seed)
        self.data, self._folder = data, folder
        self.settings = model_entry(FLAGS.model).settings_class(**SIZES[size]["settings"])
        self.networks = build(FLAGS.model, data.spec, self.settings)
        encoder = Encoder(data.spec, data.vocabulary_folder)
        trained = TrainedModel(FLAGS.model, {"seed": FLAGS.seed}, {}, data.manifest.simulated)
        self.export = export_networks(self.networks, encoder, data, folder, trained)

    def flat(self, behaviors: int, session: "Request") -> Path | None:
        """Folder of the flat model for so long histories; `None` if there is none of the model."""
        from ranking.features.encoder import Encoder
        from tools.flat_export import check_export, export_flat
        from tools.serving_load import per_candidate

        if flat_missing(self.data):
            return None
        folder = self._folder / f"flat-{behaviors}"
        if not folder.exists():
            data = resized(self.data, behaviors, None)
            encoder = Encoder(data.spec, data.vocabulary_folder)
            export_flat(self.networks, self.settings, encoder, folder)
            rows = per_candidate(data.spec, session)
            check_export(folder, self.networks, encoder, session, rows)
        return folder


def _measured(
    console: Console, model: _Model, size: str, grid: Sequence[tuple[int, int]], folder: Path
) -> Iterator[dict[str, Any]]:
    from tools.serving_load import ServingLoad, write_load

    load = ServingLoad(model.data, FLAGS.seed)
    for candidates, behaviors in grid:
        count = min(FLAGS.sessions, max(2, _MOST_PAIRS // (candidates * behaviors)))
        sessions = [load.session(behaviors, candidates) for _ in range(count)]
        paths = write_load(folder, model.data.spec, sessions, model.export.signatures)
        flat = model.flat(behaviors, sessions[0])
        for threads, client in itertools.product(_positive("threads"), _clients()):
            where = {
                "size": size,
                "client": client,
                "threads": threads,
                "candidates": candidates,
                "behaviors": behaviors,
            }
            with console.status(", ".join(f"{key} {value}" for key, value in where.items())):
                rows = list(_run(client, model.export.folder, paths, threads))
                if flat is not None:
                    asked = [path for path in paths if path.stem == "flat"]
                    answered = _run(client, flat, asked, threads)
                    rows += [{**row, "way": "flat_keras"} for row in answered]
            for row in rows:
                yield {**where, **row}
        for path in paths:
            path.unlink()


def _clients() -> Sequence[str]:
    return ("native", "python") if FLAGS.client == "both" else (FLAGS.client,)


def _run(client: str, model: Path, paths: Sequence[Path], threads: int) -> Iterator[dict[str, Any]]:
    """The lines of the table that a client prints."""
    from tools.build_client import build_client

    program = [sys.executable, "-m", "tools.in_process_client"]
    if client == "native":
        program = [str(build_client(Path("build/saved_model_client")))]
    flags_ = [f"--model={model}", f"--threads={threads}", f"--passes={FLAGS.passes}"]
    requests = [f"--requests={path}" for path in paths]
    command = [*program, *flags_, f"--seconds={FLAGS.seconds}", *requests]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise ValueError(f"The {client} client must answer. It says: {last}")
    header, *lines = done.stdout.strip().splitlines()
    names = header.split()
    for line in lines:
        values = dict(zip(names, line.split(), strict=True))
        numbers = {name: float(values[name]) for name in _NUMBERS}
        way, calls = values["requests"], values["calls"]
        yield {"way": way, "calls": calls, "times": int(values["times"]), **numbers}


if __name__ == "__main__":
    _define_flags()
    run_program(main)
