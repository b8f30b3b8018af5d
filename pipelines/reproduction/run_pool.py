"""Trains runs in processes, some side by side."""

import contextlib
import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.run_record import RunRecord, read_record, write_record

STARTED, DONE, FAILED = "started", "done", "failed"
Observe = Callable[[PlannedRun, str, float], None]

_ROOT = Path(__file__).parents[2]
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 20.0


@dataclasses.dataclass
class _Child:
    run: PlannedRun
    process: subprocess.Popen[bytes]
    started: float
    earlier: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class RunPool:
    """Maps planned runs to those that failed; each is trained in a process of its own.

    The processes share the cores evenly, write into their run's log, and end with the pool, however
    that ends. A run that fails does not keep the others from going on.

    Args:
        jobs: Processes side by side.
        observe: Told of every run, with `STARTED`, `DONE` or `FAILED` and its seconds so far; and
            with an empty word from time to time.
    """

    def __init__(self, jobs: int, observe: Observe) -> None:
        self._jobs = jobs
        self._observe = observe

    def __call__(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """Trains all of `runs` -> those that failed."""
        waiting, failed = list(runs), list[PlannedRun]()
        children: list[_Child] = []
        environment = _environment(self._jobs)
        with _ended(children):
            while waiting or children:
                while waiting and len(children) < self._jobs:
                    children.append(_start(waiting.pop(0), environment))
                    self._observe(children[-1].run, STARTED, 0.0)
                time.sleep(_POLL_SECONDS)
                for child in list(children):
                    code = child.process.poll()
                    if code is not None:
                        children.remove(child)
                        _note(child)
                        failed += [child.run] if code else []
                    word = "" if code is None else FAILED if code else DONE
                    self._observe(child.run, word, child.seconds)
        return failed


def last_lines(log: Path, count: int = 8) -> list[str]:
    """The last lines of a log that say something."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines()]
    return [line for line in lines if line][-count:]


def _start(run: PlannedRun, environment: Mapping[str, str]) -> _Child:
    run.log.parent.mkdir(parents=True, exist_ok=True)
    command = run.command()
    # A run without a folder has left nothing that this attempt could go on with.
    record = read_record(run.log) if run.folder.is_dir() else None
    with run.log.open("wb") as log:
        log.write(f"$ {' '.join(command[1:])}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,  # An interruption is passed on below, once.
        )
    return _Child(run, process, time.monotonic(), 0.0 if record is None else record.seconds)


def _note(child: _Child) -> None:
    """Adds the time of this attempt to that of earlier ones."""
    write_record(child.run.log, RunRecord(child.earlier + child.seconds, child.run.max_steps))


@contextlib.contextmanager
def _ended(children: list[_Child]) -> Iterator[None]:
    """Ends what still runs when the block is left."""
    try:
        yield
    finally:
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for child in children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            _note(child)


def _environment(jobs: int) -> dict[str, str]:
    """Each process's share of the cores, and the project where it cannot be found otherwise."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, (cores or 1) // jobs))
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    shares = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(shares, threads),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
