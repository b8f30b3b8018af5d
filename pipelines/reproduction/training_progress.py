"""What is seen of the runs that train: a bar, a line for each that runs, and the time left."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.run_pool import DONE, FAILED, STARTED, last_lines


class TrainingProgress:
    """Shows what a `RunPool` tells; use it as a context manager and as the pool's `observe`.

    Args:
        console: Where it appears.
        waiting: The runs to train.
        jobs: How many train side by side.
    """

    def __init__(self, console: Console, waiting: Sequence[PlannedRun], jobs: int) -> None:
        self._console = console
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
        )
        self._jobs = jobs
        self._failed = 0
        self._seconds: dict[str, list[float]] = {}
        self._waiting = {run.name: run for run in waiting}
        self._running: dict[str, tuple[TaskID, float]] = {}
        self._all = self._bars.add_task("runs", total=len(waiting), status="")

    def __enter__(self) -> "TrainingProgress":
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        for task, _ in self._running.values():
            self._bars.remove_task(task)
        self._bars.stop()

    def __call__(self, run: PlannedRun, word: str, seconds: float) -> None:
        """Takes in one message of the pool."""
        if word == STARTED:
            del self._waiting[run.name]
            task = self._bars.add_task(escape(run.name), total=None, status="")
            self._running[run.name] = (task, time.monotonic())
        elif word in (DONE, FAILED):
            self._bars.remove_task(self._running.pop(run.name)[0])
            self._bars.advance(self._all)
            self._seconds.setdefault(run.system.model, []).append(seconds)
            self._tell(run, word, seconds)
        self._bars.update(self._all, status=self._status())

    def _tell(self, run: PlannedRun, word: str, seconds: float) -> None:
        line = f"{run.name}: {word} after {_words(seconds)}"
        if word == FAILED:
            self._failed += 1
            line += f", see {run.log}. It ends with:"
            line = "\n  ".join([line, *last_lines(run.log)])
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _status(self) -> str:
        failed = f"{self._failed} failed, " if self._failed else ""
        left = self._time_left()
        return failed + ("" if left is None else f"about {_words(left)} left")

    def _time_left(self) -> float | None:
        """What runs of the same model took, else runs of any; `None` before the first is done."""
        every = [seconds for each in self._seconds.values() for seconds in each]
        if not every:
            return None

        def expected(model: str) -> float:
            known = self._seconds.get(model, every)
            return sum(known) / len(known)

        left = sum(expected(run.system.model) for run in self._waiting.values())
        now = time.monotonic()
        mean = sum(every) / len(every)
        left += sum(max(0.0, mean - (now - since)) for _, since in self._running.values())
        return left / self._jobs


def _words(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
