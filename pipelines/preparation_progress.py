"""The progress bars of preparation."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

_OPEN = "open"
_VERBS = {"learn": "learning from", "label": "global labels of", "write": "writing"}


class PreparationProgress:
    """Maps the calls of `ranking.features.preparation.prepare` to one bar per pass and split.

    Use it as a context manager.

    Args:
        console: Where the bars appear.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,} sessions"),
            _SpeedColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._current: tuple[str, str] | None = None
        self._task: TaskID | None = None
        self._done = 0
        self._sessions: dict[str, int] = {}

    def __enter__(self) -> "PreparationProgress":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None or (self._current is not None and self._current[0] == _OPEN):
            self._finish()
        self._progress.stop()

    def open(self, source: str) -> None:
        """Says that the source is being opened."""
        self._start((_OPEN, source), f"opening {source}")

    def advance(self, stage: str, split: str, sessions: int) -> None:
        """Adds sessions to the bar of a pass over a split."""
        if self._current != (stage, split):
            self._start((stage, split), f"{_VERBS[stage]} {split}")
        if self._task is not None:
            self._progress.advance(self._task, sessions)
        self._done += sessions

    def _start(self, current: tuple[str, str], description: str) -> None:
        self._finish()
        # A second pass over a split is as long as the first.
        total = self._sessions.get(current[1])
        self._current, self._done = current, 0
        self._task = self._progress.add_task(description, total=total)

    def _finish(self) -> None:
        if self._task is None or self._current is None:
            return
        stage, split = self._current
        if stage == _OPEN:
            self._progress.remove_task(self._task)
        else:
            self._sessions[split] = self._done
            self._progress.update(self._task, total=self._done)
        self._task = None


class _SpeedColumn(ProgressColumn):
    """Sessions per second, from the start."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time or task.elapsed
        return Text(f"{task.completed / seconds:,.0f}/s" if seconds else "")
