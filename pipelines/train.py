"""Trains a model on prepared data, evaluates it on the test split and exports it.

Started on several machines with TF_CONFIG set, it trains on all of them (docs/scale.md).
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from pipelines.program import run_program
from pipelines.training_results import write_results

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.features.prepared_data import PreparedData
    from ranking.training.checkpoints import Progress
    from ranking.training.cluster import Cluster
    from ranking.training.run_folder import Run
    from ranking.training.trainer import Trainer
    from ranking.training.warm_start_report import WarmStartReport

FLAGS = flags.FLAGS


def _define_flags() -> None:
    flags.DEFINE_string("model", "aw_moe", "Model of the catalog to train.")
    flags.DEFINE_string("data", None, "Folder of prepared data.", required=True)
    flags.DEFINE_string("out", None, "Folder of the run, made by this program.", required=True)
    flags.DEFINE_enum(
        "preset",
        "fast",
        ["fast", "paper"],
        "Training settings to start from: a good model within minutes, or the AW-MoE paper's.",
    )
    flags.DEFINE_multi_string(
        "set", [], "Changes a setting of the model or the training, such as experts=8. Repeatable."
    )
    flags.DEFINE_integer("seed", 1, "Seeds weights, batches and sampling.", lower_bound=0)
    flags.DEFINE_integer(
        "devices",
        None,
        "GPUs of this machine to use (all by default), or logical CPU devices.",
        lower_bound=1,
    )
    flags.DEFINE_string(
        "warm_start",
        None,
        "Folder of a run to start from: rows of tables are matched by id, so vocabularies may "
        "differ; other weights by name and shape.",
    )
    flags.DEFINE_string(
        "data_service",
        None,
        "Address of a tf.data service that reads and encodes, grpc://host:port. Batches then "
        "differ from run to run.",
    )
    flags.DEFINE_integer("max_steps", None, "Stops after this many training steps.", lower_bound=1)
    flags.DEFINE_bool("export", True, "Whether to export a SavedModel at the end.")
    flags.DEFINE_bool(
        "overwrite",
        False,
        "Whether to replace a run that is already there, even an unfinished one that would "
        "otherwise continue.",
    )


def main() -> None:
    """Trains, evaluates, exports; prints the metrics table and the paths."""
    started = time.perf_counter()
    from rich.console import Console

    from ranking.features.prepared_data import read_prepared
    from ranking.training.batch_parts import share_cores
    from ranking.training.run_folder import holds_results, start_run
    from ranking.training.strategy import make_strategy
    from ranking.training.trainer import Trainer

    console = Console()
    data = read_prepared(Path(FLAGS.data))
    for split in dict.fromkeys(("train", "test", *data.manifest.splits)):
        data.files(split)  # What is missing should not come out when training is done.
    run = _describe_run(data)
    _check_warm_start(run)
    share_cores(run.training.batch_parts)
    strategy = make_strategy(FLAGS.devices, _cluster(console))
    trainer = Trainer(
        run, data, strategy, max_steps=FLAGS.max_steps, data_service=FLAGS.data_service
    )
    workers = trainer.workers
    console.quiet = not workers.is_chief
    # The chief's view counts: another's may be older.
    is_fresh = workers.of_chief(FLAGS.overwrite or not holds_results(run))
    report = trainer.warm_start() if is_fresh and run.warm_start is not None else None
    lost_step = _unfinished_step(run) if FLAGS.overwrite else 0
    # Made when nothing in settings and data can be wrong any more.
    if workers.of_chief(workers.is_chief and start_run(run, data, overwrite=FLAGS.overwrite)):
        console.print(f"Continuing the unfinished run in {run.folder}.")
    elif lost_step:
        console.print(
            f"--overwrite threw away the unfinished run in {run.folder}, with its checkpoints up "
            f"to step {lost_step}. Without it an unfinished run continues.",
            highlight=False,
        )
    _print_plan(console, trainer)
    if report is not None:
        _tell_warm_start(console, trainer, report)
    progress = _train(console, trainer)
    if workers.is_chief:
        write_results(console, trainer, progress, export=FLAGS.export)
        console.print(f"{'time':>8}: {time.perf_counter() - started:.0f} s", highlight=False)
    workers.finish()


def _unfinished_step(run: "Run") -> int:
    """Where the run in the folder was stopped; 0 where it is finished, or has no checkpoint."""
    from ranking.training.checkpoints import checkpoint_steps

    return 0 if run.metrics_path.exists() else max(checkpoint_steps(run.checkpoints), default=0)


def _cluster(console: "Console") -> "Cluster | None":
    """The machines that TF_CONFIG names; says that this one waits for the others."""
    from ranking.training.cluster import read_cluster

    cluster = read_cluster(os.environ.get("TF_CONFIG"))
    if cluster is not None and len(cluster.addresses) > 1:
        console.print(
            f"Worker {cluster.index} at {cluster.address} waits for all {len(cluster.addresses)} "
            f"workers of TF_CONFIG; worker 0 at {cluster.addresses[0]}, the chief, says the rest.",
            highlight=False,
        )
    return cluster


def _check_warm_start(run: "Run") -> None:
    """Raises where the run to start from cannot be, before anything is done."""
    from ranking.training.checkpoints import best_step
    from ranking.training.run_folder import holds_results, open_run

    if run.warm_start is None:
        return
    if run.warm_start.resolve() == run.folder.resolve():
        raise ValueError(
            f"`--warm_start` must name another run than --out. Received: {run.folder} for both. "
            "Choose another --out."
        )
    if FLAGS.overwrite or not holds_results(run):  # A run that continues has what it took.
        best_step(open_run(run.warm_start).checkpoints)


def _tell_warm_start(console: "Console", trainer: "Trainer", report: "WarmStartReport") -> None:
    """Prints what was taken, and writes it beside the settings."""
    from pipelines.warm_start_table import print_warm_start

    print_warm_start(console, report)
    if trainer.workers.is_chief:
        text = json.dumps(report.document(), indent=1) + "\n"
        (trainer.run.folder / "warm_start.json").write_text(text, encoding="utf-8")


def _describe_run(data: "PreparedData") -> "Run":
    """Flags and data -> the run they describe."""
    from ranking.models.catalog import model_entry
    from ranking.settings_parser import apply_overrides, parse_assignment, split_overrides
    from ranking.training.run_folder import Run
    from ranking.training.settings import PRESETS

    model_settings = model_entry(FLAGS.model).settings_class()
    settings = {"model": model_settings, "training": PRESETS[FLAGS.preset]}
    overrides = split_overrides(dict(map(parse_assignment, FLAGS.set)), settings)
    return Run(
        folder=Path(FLAGS.out),
        model=FLAGS.model,
        model_settings=apply_overrides(settings["model"], overrides["model"]),
        training=apply_overrides(settings["training"], overrides["training"]),
        seed=FLAGS.seed,
        data=Path(FLAGS.data),
        simulated=data.manifest.simulated,
        spec=data.spec,
        warm_start=Path(FLAGS.warm_start) if FLAGS.warm_start else None,
    )


def _print_plan(console: "Console", trainer: "Trainer") -> None:
    """Says what is about to be trained: sizes, steps, settings."""
    run = trainer.run
    weights = trainer.networks.training.count_params()
    origin = "simulated data" if run.simulated else "data"
    console.print(
        f"[bold]{run.model}[/bold] on {origin} {run.data}: {weights:,} weights, "
        f"{trainer.sessions_per_batch} sessions a step, {trainer.epoch_steps} steps an epoch, "
        f"{trainer.total_steps} steps at most, {trainer.replicas} device(s)",
        highlight=False,
    )
    document = run.document()
    for part in ("model_settings", "training_settings"):
        console.print(f"[dim]{part}: {json.dumps(document[part])}[/dim]", highlight=False)


def _train(console: "Console", trainer: "Trainer") -> "Progress":
    """Trains under a progress bar -> where the run ended."""
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.fields[status]}"),
    )
    with bars.Progress(*columns, console=console) as bar:
        task = bar.add_task("training", total=trainer.total_steps, status="")

        def observe(progress: "Progress", values: Mapping[str, float]) -> None:
            if "epoch" in values:
                console.print(_epoch_line(progress.epoch, values), highlight=False)
                return
            speed = values["impressions_per_second"]
            status = f"loss {values['loss']:.4f}, {speed:,.0f} impressions/s"
            bar.update(task, completed=progress.step, status=status)

        return trainer.train(observe)


def _epoch_line(epoch: int, values: Mapping[str, float]) -> str:
    parts = [f"epoch {epoch}: loss {values['loss']:.4f}"]
    if "validation_session_auc" in values:
        parts.append(f"validation session AUC {values['validation_session_auc']:.4f}")
    parts.append(f"{values['impressions_per_second']:,.0f} impressions/s")
    padding = [f"{values[f'{of}_padding']:.1%} of {of}" for of in ("behaviors", "candidates")]
    return ", ".join([*parts, f"padding {' and '.join(padding)}"])


if __name__ == "__main__":
    _define_flags()
    run_program(main)
