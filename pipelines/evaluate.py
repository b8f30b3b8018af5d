"""Evaluates a trained run on one split: prints the metrics table, writes numbers and sessions."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from ranking.features.prepared_data import PreparedData
    from ranking.training.evaluation import Evaluation
    from ranking.training.run_folder import Run
    from ranking.training.session_file import SessionFileWriter

FLAGS = flags.FLAGS


def _define_flags() -> None:
    flags.DEFINE_string("run", None, "Folder of the run to evaluate.", required=True)
    flags.DEFINE_string(
        "data",
        None,
        "Folder of prepared data; the run's own by default. "
        "Others are prepared with --spec=<run>/feature_spec.json.",
    )
    flags.DEFINE_string("split", "test", "Split to evaluate.")
    flags.DEFINE_string(
        "out",
        None,
        "File for the metrics, such as x.json; the sessions go to x-sessions.parquet. By default "
        "<run>/evaluation-<data>-<split>.json and <run>/sessions-<data>-<split>.parquet.",
    )


def main() -> None:
    """Evaluates and prints the table and where the numbers are."""
    from rich.console import Console

    from pipelines.metrics_table import print_evaluation
    from ranking.features.prepared_data import read_prepared
    from ranking.training.metrics_file import write_metrics
    from ranking.training.run_folder import open_run, trained_document
    from ranking.training.session_document import session_document
    from ranking.training.session_file import SessionFileWriter

    console = Console()
    run = open_run(Path(FLAGS.run))
    data = read_prepared(Path(FLAGS.data or run.data))
    name = f"evaluation-{data.folder.resolve().name}-{FLAGS.split}.json"
    out = Path(FLAGS.out or run.folder / name)
    if out.is_dir():
        raise ValueError(f"`--out` must name a file. Received: {out}, which is a folder.")
    sessions = _sessions_path(run, data)
    about = session_document(trained_document(run), data, FLAGS.split)
    _check_replaces(sessions, about)
    with SessionFileWriter(sessions, about) as writer:
        evaluation = evaluate_run(console, run, data, FLAGS.split, writer)
    simulated = data.manifest.simulated
    print_evaluation(
        console, evaluation, dataclasses.replace(run, simulated=simulated), FLAGS.split
    )
    write_metrics(
        out, {FLAGS.split: evaluation.document(), "data": str(data.folder), "simulated": simulated}
    )
    console.print(f"{'sessions':>8}: {sessions}", highlight=False)
    console.print(f"{'metrics':>8}: {out}", highlight=False)


def _sessions_path(run: "Run", data: "PreparedData") -> Path:
    """Where the sessions go: named after --out, whose folder may hold those of other runs."""
    from ranking.training.session_document import sessions_path

    if not FLAGS.out:
        return sessions_path(run.folder, FLAGS.split, data.folder)
    out = Path(FLAGS.out)
    return out.with_name(f"{out.stem}-sessions.parquet")


def _check_replaces(path: Path, about: Mapping[str, Any]) -> None:
    """Keeps the sessions of other data, whose folder may have the same last name."""
    from ranking.training.session_file import read_document

    try:
        found = read_document(path)
    except ValueError:
        return  # There is none, or nothing in it that could be lost.
    key = "manifest_sha256"
    if found.get(key, about[key]) != about[key]:
        raise ValueError(
            f"{path} must be of the data evaluated where it is to be replaced. Received: sessions "
            f"of {found.get('data')}, with another manifest than {about['data']}. Name a file for "
            "the metrics with --out, which the sessions are named after, or remove the old ones."
        )


def evaluate_run(
    console: "Console",
    run: "Run",
    data: "PreparedData",
    split: str,
    sessions: "SessionFileWriter | None" = None,
) -> "Evaluation":
    """A trained run and prepared data -> one exact pass over a split with the best weights.

    `sessions` gets a row for each session.

    The data may be other than the run's, where they were prepared with the run's resolved spec.

    Raises:
        ValueError: If the data have no such split, or another spec than the run was trained with.
    """
    from ranking.training.score_function import score_function
    from ranking.training.split_evaluation import SplitEvaluation
    from ranking.training.trainer import load_networks

    with console.status(f"evaluating {run.folder} on {split}"):
        return SplitEvaluation(run, data, split)(score_function(load_networks(run)), sessions)


if __name__ == "__main__":
    _define_flags()
    run_program(main)
