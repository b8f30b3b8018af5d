"""Trains what a paper compares, and writes its tables and figures beside the paper's numbers.

Examples:
  All of it on the demo, then the report once more without training:
    python -m pipelines.reproduce --data=data/demo --out=results/aw_moe-demo
    python -m pipelines.reproduce --data=data/demo --out=results/aw_moe-demo --report_only

  Tables II to V alone, two runs side by side, another learning rate, for DIN yet another:
    python -m pipelines.reproduce --data=data/beauty --out=results/aw_moe-beauty \
        --parts=comparison --jobs=2 --set learning_rate=0.001 --set din:learning_rate=0.002

  Table 1 of the USR paper on the demo:
    python -m pipelines.reproduce --paper=usr --data=data/demo --out=results/usr-demo \
        --parts=table1

What is trained already is not trained again; an unfinished run continues. A report compares all
runs in <out>/runs, so each must be as these flags ask for it, --report_only or not.
"""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from pipelines.papers import PAPERS
from pipelines.program import run_program

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.reproduction.paper import Paper
    from pipelines.reproduction.plan import Plan
    from pipelines.reproduction.planned_run import PlannedRun

FLAGS = flags.FLAGS


def _define_flags() -> None:
    parts = "; ".join(f"{name}: {', '.join(paper.parts)}" for name, paper in PAPERS.items())
    flags.DEFINE_enum("paper", "aw_moe", list(PAPERS), "The paper.")
    flags.DEFINE_string("data", None, "Folder of prepared data.", required=True)
    flags.DEFINE_string("out", None, "Folder for runs, logs and report.", required=True)
    flags.DEFINE_list("parts", None, f"What to train, by default all that the data allow: {parts}.")
    flags.DEFINE_integer("seeds", 3, "Runs of each system.", lower_bound=1)
    flags.DEFINE_integer(
        "sweep_seeds", 1, "Runs of each point of a sweep, such as Figure 8.", lower_bound=1
    )
    flags.DEFINE_multi_string(
        "set",
        [],
        "Changes a setting of every system of the catalog that has it, such as epochs=4; with a "
        "system's name before it, of that system and of what is derived from it, such as "
        "din:epochs=4 or gbdt:trees=300. Repeatable.",
    )
    flags.DEFINE_enum("preset", "fast", ["fast", "paper"], "Training settings to start from.")
    flags.DEFINE_integer("jobs", 1, "Runs trained side by side, sharing the cores.", lower_bound=1)
    flags.DEFINE_integer(
        "max_steps", None, "Stops every training after so many steps.", lower_bound=1
    )
    flags.DEFINE_integer(
        "long_tail",
        None,
        "aw_moe: most behaviors of a long-tail user; by default the fewest that a tenth of the "
        "test sessions do not exceed.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "second_long_tail",
        None,
        "aw_moe: a segment of users that is also long-tail, such as age_group=50+, the default "
        "where the data have it; an empty one for none.",
    )
    flags.DEFINE_string("report", None, "Folder of the report; <out>/report by default.")
    flags.DEFINE_string(
        "report_name",
        None,
        "What the files of the report are called, for several on the same data; "
        "<paper>-<data folder> by default.",
    )
    flags.DEFINE_bool("report_only", False, "Whether to report on what is there without training.")


def main() -> None:
    """Trains what is missing, writes the report and prints what came out."""
    from rich.console import Console

    from pipelines.reproduction.finished_runs import check_finished
    from pipelines.reproduction.planning import planned_runs, reported_runs

    console = Console()
    paper = PAPERS[FLAGS.paper]
    plan = _plan(paper)
    runs = planned_runs(paper, plan)
    failed: list[PlannedRun] = []
    if not FLAGS.report_only:
        _check_data(plan.data)
        _prepare(console, paper, plan, runs)
        check_finished([*runs, *reported_runs(paper, plan)])
        failed = _train(console, runs)
    missing = [run for run in runs if not run.is_finished]
    if len(missing) < len(runs) or not failed:
        check_finished(reported_runs(paper, plan))
        _report(console, paper, plan, missing)
    if failed:
        raise ValueError(
            f"{len(failed)} of {len(runs)} runs failed: {', '.join(run.name for run in failed)}. "
            f"Their logs are in {failed[0].log.parent}. The same command trains them again."
        )


def _plan(paper: "Paper") -> "Plan":
    from pipelines.reproduction.plan import Plan

    for other in PAPERS.values():
        for name in other.own_flags:
            if name not in paper.own_flags and not FLAGS[name].using_default_value:
                raise ValueError(
                    f"`--{name}` must be left out with --paper={paper.name}. "
                    f"Received: --{name}={FLAGS[name].value}"
                )
    paper.check_parts(FLAGS.parts or ())
    _check_report_name(FLAGS.report_name)
    return Plan(
        data=Path(FLAGS.data),
        out=Path(FLAGS.out),
        parts=FLAGS.parts or paper.possible_parts(paper.parts, Path(FLAGS.data)),
        seeds=FLAGS.seeds,
        sweep_seeds=FLAGS.sweep_seeds,
        settings=FLAGS.set,
        preset=FLAGS.preset,
        max_steps=FLAGS.max_steps,
        long_tail=FLAGS.long_tail,
        second_long_tail=FLAGS.second_long_tail,
    )


def _check_report_name(name: str | None) -> None:
    if name is not None and (not name or Path(name).name != name):
        raise ValueError(
            "`--report_name` must be a file's name without ending or folder; `--report` takes the "
            f"folder. Received: --report_name={name}"
        )


def _check_data(folder: Path) -> None:
    """Finds out before the first of many trainings that data are missing."""
    from ranking.features.prepared_data import read_prepared

    data = read_prepared(folder)
    for split in ("train", "test"):
        data.files(split)


def _prepare(
    console: "Console", paper: "Paper", plan: "Plan", runs: "Sequence[PlannedRun]"
) -> None:
    """Makes the data of runs that are not trained on those that are given."""
    with console.status("preparing data"):
        paper.prepare(plan, [run.system for run in runs if not run.is_finished])


def _train(console: "Console", runs: "Sequence[PlannedRun]") -> "list[PlannedRun]":
    """Trains what is not finished -> the runs that failed."""
    from pipelines.reproduction.run_pool import RunPool
    from pipelines.reproduction.training_progress import TrainingProgress

    waiting = [run for run in runs if not run.is_finished]
    console.print(
        f"{len(runs)} runs, {len(runs) - len(waiting)} of them finished, {len(waiting)} to train.",
        highlight=False,
    )
    if not waiting:
        return []
    # Else a terminated program would leave its children behind.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with TrainingProgress(console, waiting, FLAGS.jobs) as progress:
            return RunPool(FLAGS.jobs, progress)(waiting)
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(
    console: "Console", paper: "Paper", plan: "Plan", missing: "Sequence[PlannedRun]"
) -> None:
    """Writes the report and prints where it is."""
    from pipelines.reproduction.data_origin import data_origin
    from pipelines.reproduction.report_request import ReportRequest

    data_name = plan.data.resolve().name
    with console.status("writing the report"):
        request = ReportRequest(
            folder=Path(FLAGS.report or plan.out / "report"),
            name=FLAGS.report_name or f"{paper.name}-{data_name}",
            data_name=data_name,
            command=_command(plan),
            missing=[run.name for run in missing],
            origin=data_origin(plan.data),
        )
        paths = paper.report(request, plan)
    for path in paths:
        console.print(f"report: {path}", highlight=False, soft_wrap=True)


def _command(plan: "Plan") -> str:
    """What to type to make the report again, without paths of this machine."""
    data = Path("data") / plan.data.name if plan.data.is_absolute() else plan.data
    command = f"make reproduce PAPER={FLAGS.paper} DATA={data}"
    command += "" if plan.out.is_absolute() else f" OUT={plan.out}"
    names = ["parts", "seeds", "sweep_seeds", "preset", "max_steps", "long_tail"]
    names += ["second_long_tail", "report_name"]
    changed = [name for name in names if not FLAGS[name].using_default_value]
    given = [
        f"--{name}={','.join(value) if isinstance(value, list) else value}"
        for name in changed
        for value in [FLAGS[name].value]
    ]
    given += [f"--set {setting}" for setting in plan.settings]
    return command + (f" \\\n    ARGS='{' '.join(given)}'" if given else "")


if __name__ == "__main__":
    _define_flags()
    run_program(main)
