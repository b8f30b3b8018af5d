"""Compares trained runs session by session: gains with intervals, p-values and verdicts."""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from pipelines.program import run_program

FLAGS = flags.FLAGS

_METRICS = ("session_auc", "auc_at_10", "ndcg", "ndcg_at_10")


def _define_flags() -> None:
    flags.DEFINE_multi_string(
        "runs",
        None,
        "Folders of runs, or files of sessions that evaluations with --out left, apart by blanks "
        "or commas; may be repeated.",
        required=True,
    )
    flags.DEFINE_string(
        "base",
        None,
        "What to compare with: a run as in --runs or a label; the first run by default.",
    )
    flags.DEFINE_string("split", "test", "Split that was evaluated.")
    flags.DEFINE_string(
        "data", None, "Folder of the data that were evaluated, where not the runs' own."
    )
    flags.DEFINE_multi_string(
        "metric", list(_METRICS), "Metrics; the first is compared by segment too."
    )
    flags.DEFINE_string("task", None, "What was predicted; every task by default.")
    flags.DEFINE_multi_string(
        "segments",
        ["all"],
        "Dimensions, `all` of them, or expressions such as history<=4, apart by commas; may be "
        "repeated; empty for none.",
    )
    flags.DEFINE_integer("draws", 10_000, "How often to redraw users.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seeds those draws.")
    flags.DEFINE_string("out", None, "JSON file for all numbers; not written by default.")


def main() -> None:
    """Compares, prints the tables and writes the numbers."""
    from rich.console import Console

    from pipelines.compared_runs import read_runs
    from pipelines.compared_segments import segment_masks
    from pipelines.compared_systems import find_system, group_systems
    from pipelines.comparison_report import compare_all
    from pipelines.comparison_table import print_comparison
    from ranking.training.metrics_file import write_metrics

    console = Console()
    out = Path(FLAGS.out) if FLAGS.out else None
    if out is not None and out.is_dir():
        raise ValueError(f"`--out` must name a file. Received: {out}, which is a folder.")
    metrics = list(dict.fromkeys(_parts(FLAGS.metric)))
    data = Path(FLAGS.data) if FLAGS.data else None
    paths = [sessions_of(run, FLAGS.split, data) for run in typed_runs(FLAGS.runs)]
    with console.status("comparing"):
        compared = read_runs(paths, metrics, FLAGS.task)
        systems = group_systems(compared.runs)
        base = find_system(systems, FLAGS.base) if FLAGS.base else systems[0]
        masks = segment_masks(compared.sessions, _parts(FLAGS.segments))
        report = compare_all(
            compared, systems, base, metrics, masks, draws=FLAGS.draws, seed=FLAGS.seed
        )
    print_comparison(console, report)
    if out is not None:
        write_metrics(out, report.document())
        console.print(f"{'comparison':>10}: {out}", highlight=False)


def typed_runs(typed: Sequence[str]) -> list[Path]:
    """Maps what was typed to paths: what is none as a whole is cut at blanks and commas.

    Raises:
        ValueError: If nothing is left.

    Example:
    >>> [str(run) for run in typed_runs(["runs/din runs/dnn", "runs/aw_moe,runs/din"])]
    ['runs/din', 'runs/dnn', 'runs/aw_moe', 'runs/din']
    """
    runs = [
        Path(part)
        for text in typed
        for part in ([text] if Path(text).exists() else text.replace(",", " ").split())
    ]
    if not runs:
        raise ValueError("`--runs` must name the folders of at least two runs. Received none.")
    return runs


def sessions_of(run: Path, split: str, data: Path | None) -> Path:
    """Maps a run to the file of its sessions, which it may be itself.

    Args:
        run: The run's folder, or the file.
        split: Name of the split.
        data: Folder of the data evaluated, where not those that training ended on.

    Raises:
        ValueError: If there is no such file.
    """
    from ranking.training.session_document import sessions_path

    path = run if run.is_file() else sessions_path(run, split, data)
    if path.is_file():
        return path
    command = f"python -m pipelines.evaluate --run={run} --split={split} --data"
    if data is not None:
        remedy = f"Make it with `{command}={data}`."
    else:
        remedy = f"Evaluate all runs on one folder (`{command}=<data>`), then add --data=<data>."
        if split == "test":
            remedy = f"Training writes it at its end: train the run to there. Or: {remedy}"
    raise ValueError(f"{path} must be there to compare its run. {remedy}")


def _parts(typed: Sequence[str]) -> list[str]:
    parts = [part.strip() for text in typed for part in text.split(",")]
    return [part for part in parts if part]


if __name__ == "__main__":
    _define_flags()
    run_program(main, uses_tensorflow=False)
