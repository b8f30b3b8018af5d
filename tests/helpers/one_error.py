"""How a program fails: with one clear line, and without leaving anything behind."""

from pathlib import Path


def assert_one_error(
    result: tuple[int, str, str], message: str, unmade: Path | None = None
) -> None:
    """Checks what a program that failed said and left.

    `result` is exit code, stdout and stderr; `message` is part of its one line. `unmade` is what it
    would have made: it is not there, nor anything unfinished beside it.
    """
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in err
    if unmade is not None:
        assert not unmade.exists() and not list(unmade.parent.glob(".*"))
