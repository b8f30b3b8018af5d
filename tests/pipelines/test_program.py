"""How programs fail: one line, and a traceback only when asked for."""

import errno
import sys
from collections.abc import Callable

import pytest
import tensorflow as tf
from absl import logging

from pipelines.program import run_program

Fail = Callable[[Exception], tuple[int, str]]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Fail:
    """Runs a program that raises an error -> exit code and what it wrote to stderr."""
    monkeypatch.setattr("pipelines.program.app.run", lambda main: sys.exit(main(["program"])))

    def run(error: BaseException) -> tuple[int, str]:
        def main() -> None:
            raise error

        with pytest.raises(SystemExit) as leaving:
            run_program(main)
        return int(leaving.value.code or 0), capfd.readouterr().err

    return run


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("`x` must be 1.\n  Received: 2"), "`x` must be 1. Received: 2"),
        (FileExistsError("out exists. Name another."), "out exists. Name another."),
        (
            OSError(errno.EACCES, "Permission denied", "out/x"),
            "out/x: Permission denied. Check the path and who may write to it.",
        ),
        (
            tf.errors.InternalError(
                None, None, "Graph execution error:\n\nno luck.\n\t [[{{node x}}]]"
            ),
            "TensorFlow cannot go on: no luck. --verbosity=1 shows where this happened.",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating [Op:MatMul]"),
            "Memory is exhausted: OOM when allocating. Set a smaller `batch_size`.",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "run/x; No space left on device"),
            "The disk is full: run/x; No space left on device. Free some space, or write to "
            "another disk.",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "run/x; Disk quota exceeded [Op:SaveV2]"),
            "The disk quota is used up: run/x; Disk quota exceeded. Free some space, or write to "
            "another disk.",
        ),
        (
            tf.errors.ResourceExhaustedError(None, None, "data/x; Too many open files"),
            "Too many files are open: data/x; Too many open files. Raise the limit (`ulimit -n`), "
            "or prepare the data in fewer files (--shards).",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/x"),
            "The disk is full: [Errno 28] No space left on device: 'out/x'. Free some space, or "
            "write to another disk.",
        ),
    ],
)
def test_an_error_is_one_line(fail: Fail, error: Exception, line: str) -> None:
    assert fail(error) == (1, f"error: {line}\n")


def test_an_interruption_is_no_error(fail: Fail) -> None:
    assert fail(KeyboardInterrupt()) == (130, "interrupted\n")


def test_mistakes_in_the_code_keep_their_traceback(fail: Fail) -> None:
    with pytest.raises(AttributeError):
        fail(AttributeError("no such thing"))


def test_verbosity_shows_where_an_error_arose(fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "level_debug", lambda: True)
    with pytest.raises(ValueError, match="here"):
        fail(ValueError("here"))
