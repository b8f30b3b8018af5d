"""What a training leaves behind beside checkpoints: sessions, an export, metrics."""

import multiprocessing
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

from pipelines.export import export_run, print_export
from pipelines.program import import_tensorflow_quietly

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.export.saved_model import Export
    from ranking.training.checkpoints import Progress
    from ranking.training.run_folder import Run
    from ranking.training.trainer import Trainer


def write_results(
    console: "Console", trainer: "Trainer", progress: "Progress", *, export: bool
) -> None:
    """Evaluates a trained run on the test split and exports it; says where everything is.

    Args:
        console: Where to say it.
        trainer: The trainer, its networks with the best weights.
        progress: Where training ended.
        export: Whether to export a SavedModel.
    """
    from pipelines.metrics_table import print_evaluation
    from ranking.training.metrics_file import write_metrics
    from ranking.training.run_folder import stopped_at, trained_document
    from ranking.training.session_document import session_document, sessions_path
    from ranking.training.session_file import SessionFileWriter

    run, data = trainer.run, trainer.data
    sessions = sessions_path(run.folder, "test")
    ended = {"finished": True, "max_steps": stopped_at(progress.step, trainer.max_steps)}
    about = session_document({**trained_document(run), **ended}, data, "test")
    with SessionFileWriter(sessions, about) as writer:
        evaluation = trainer.evaluate("test", writer)
    print_evaluation(console, evaluation, run, "test")
    metrics = {"test": evaluation.document()}
    if export:
        print_export(console, _export(console, trainer, metrics))
    train = {
        "steps": progress.step,
        "best_step": progress.step if progress.best_step < 0 else progress.best_step,
        "max_steps": trainer.max_steps,
    }
    # Written last: its presence says that the run is finished.
    history = list(progress.history)
    write_metrics(run.metrics_path, {**metrics, "train": train, "history": history})
    console.print(f"{'sessions':>8}: {sessions}", highlight=False)
    console.print(f"{'metrics':>8}: {run.metrics_path}", highlight=False)


def _export(console: "Console", trainer: "Trainer", metrics: Mapping[str, Any]) -> "Export":
    if trainer.workers.count == 1:
        return export_run(console, trainer.run, metrics=metrics)
    # TensorFlow writes what it knows of other machines into every SavedModel of this process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _hide_gpus) as pool:
        return pool.submit(_export_quietly, trainer.run, metrics).result()


def _hide_gpus() -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Training still holds their memory.


def _export_quietly(run: "Run", metrics: Mapping[str, Any]) -> "Export":
    from rich.console import Console

    import_tensorflow_quietly()
    return export_run(Console(quiet=True), run, metrics=metrics)
