"""How every program starts and how it fails: one line that says what to do, no traceback."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence

from absl import app, logging

# What systems say when something other than memory runs out -> what that is, and what to do.
_SHORTAGES = {
    "No space left": ("The disk is full", "Free some space, or write to another disk."),
    "quota exceeded": ("The disk quota is used up", "Free some space, or write to another disk."),
    "Too many open files": (
        "Too many files are open",
        "Raise the limit (`ulimit -n`), or prepare the data in fewer files (--shards).",
    ),
}


def run_program(main: Callable[[], object], *, uses_tensorflow: bool = True) -> None:
    """Parses the flags, runs `main` and exits.

    A `ValueError`, an `OSError` or an error of TensorFlow is printed as one line, `error: ...`,
    with exit code 1; an interruption exits with code 130. `--verbosity=1` shows where the error
    arose.

    Args:
        main: The program, without arguments; it reads its flags.
        uses_tensorflow: Whether to import TensorFlow first, without its start-up messages. Leave
            it out of programs that do not need it: that takes seconds.
    """

    def guarded(arguments: Sequence[str]) -> int:
        try:
            if arguments[1:]:
                raise ValueError(
                    f"A program takes flags only (--name=value). Received: {arguments[1]}"
                )
            if uses_tensorflow:
                import_tensorflow_quietly()
            main()
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
        except Exception as error:
            message = _message(error)
            if message is None or logging.level_debug():
                raise
            print(f"error: {' '.join(message.split())}", file=sys.stderr)
            return 1
        return 0

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    logging.set_verbosity(logging.WARNING)
    app.run(guarded)


def _message(error: Exception) -> str | None:
    """What to tell of an error, or `None` where it can only be a mistake in the code."""
    if isinstance(error, OSError) and (shortage := _shortage(str(error))):
        return shortage
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}. Check the path and who may write to it."
    if isinstance(error, ValueError | OSError):
        return str(error)
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
        return None
    from ranking.features.reading_errors import plain_message

    if shortage := _shortage(plain_message(error)):
        return shortage
    if isinstance(error, tensorflow.errors.ResourceExhaustedError):
        return f"Memory is exhausted: {plain_message(error)}. Set a smaller `batch_size`."
    return (
        f"TensorFlow cannot go on: {plain_message(error)}. --verbosity=1 shows where this happened."
    )


def _shortage(text: str) -> str | None:
    # TensorFlow has one class of error for all that runs out, so that only the text can tell.
    for said, (what, remedy) in _SHORTAGES.items():
        if said in text:
            return f"{what}: {text}. {remedy}"
    return None


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow without what it says while it starts."""
    # On machines without a GPU, C++ code writes lines to stderr before any log level counts.
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        tensorflow = importlib.import_module("tensorflow")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    # Its Python side tells of every file it writes, through the same logger that flags set up.
    tensorflow.get_logger().setLevel("ERROR")
