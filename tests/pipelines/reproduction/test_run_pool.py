"""Processes that train: side by side, failing, interrupted."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.reproduction.planned_run import PlannedRun
from pipelines.reproduction.run_pool import DONE, FAILED, STARTED, RunPool, last_lines
from pipelines.reproduction.run_record import RunRecord, read_record, write_record
from pipelines.reproduction.systems import SYSTEMS

ROOT = Path(__file__).parents[3]


@dataclasses.dataclass(frozen=True)
class Scripted(PlannedRun):
    """A run that runs a line of Python instead of a training."""

    script: str = ""

    def command(self):
        return [sys.executable, "-c", self.script]


def _run(out, name, script, seed=1):
    return Scripted(SYSTEMS[name], seed, {}, "fast", Path("data"), out, 9, script)


def _trained(runs, jobs):
    told = []
    failed = RunPool(jobs, lambda run, word, seconds: told.append((run.name, word)))(runs)
    return failed, [each for each in told if each[1]]


def test_a_failed_run_leaves_the_others_alone(tmp_path):
    runs = [
        _run(tmp_path, "dnn", "print('first', flush=True); raise SystemExit('no such thing')"),
        _run(tmp_path, "din", "import os; print(os.environ['TF_NUM_INTRAOP_THREADS'])"),
    ]
    failed, told = _trained(runs, 1)
    assert [run.name for run in failed] == ["dnn-seed1"]
    assert told == [
        ("dnn-seed1", STARTED),
        ("dnn-seed1", FAILED),
        ("din-seed1", STARTED),
        ("din-seed1", DONE),
    ]
    assert last_lines(runs[0].log, 2) == ["first", "no such thing"]
    assert last_lines(runs[1].log, 1) == [str(len(os.sched_getaffinity(0)))]
    assert runs[1].log == tmp_path / "logs" / "din-seed1.log"
    record = read_record(runs[1].log)
    assert record is not None and record.max_steps == 9 and 0 < record.seconds < 60


def test_as_many_run_side_by_side_as_are_allowed(tmp_path):
    runs = [_run(tmp_path, "dnn", "import time; time.sleep(0.5)", seed) for seed in (1, 2, 3)]
    _, told = _trained(runs, 2)
    assert [word for _, word in told[:3]].count(STARTED) == 2
    assert sorted(name for name, word in told if word == DONE) == [run.name for run in runs]


def test_time_of_earlier_attempts_counts_while_their_folder_is_there(tmp_path):
    run = _run(tmp_path, "dnn", "pass")
    run.log.parent.mkdir()
    write_record(run.log, RunRecord(1000.0, None))
    run.folder.mkdir(parents=True)
    _trained([run], 1)
    assert 1000 < read_record(run.log).seconds < 1060
    run.folder.rmdir()
    _trained([run], 1)
    assert read_record(run.log).seconds < 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_children(tmp_path, number):
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    script = f"""
import signal
from pathlib import Path
from tests.pipelines.reproduction.test_run_pool import _run
from pipelines.reproduction.run_pool import RunPool
# A shell that starts the tests in the background lets them ignore SIGINT.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
run = _run(Path({str(tmp_path)!r}), "dnn", {child + "; time.sleep(60)"!r})
RunPool(1, lambda *told: None)([run])
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    try:
        pid = _waited(tmp_path / "pid", parent)
        parent.send_signal(number)
        assert parent.wait(120) != 0
    finally:
        parent.kill()
        parent.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert json.loads((tmp_path / "logs" / "dnn-seed1.json").read_text())["max_steps"] == 9


def _waited(path, parent):
    for _ in range(600):
        text = path.read_text() if path.is_file() else ""
        if text:
            return int(text)
        assert parent.poll() is None
        time.sleep(0.1)
    raise AssertionError("the child did not start")
