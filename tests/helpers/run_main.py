"""Runs a program in this process, which spares the seconds that TensorFlow takes to start."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from absl import flags

from pipelines.program import run_program


def program_runner(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Maps a program's module to a function: flags as typed -> exit code, stdout, stderr."""
    values = flags.FlagValues()
    monkeypatch.setattr(program, "FLAGS", values)
    with monkeypatch.context() as patch:
        for name in [name for name in dir(flags) if name.startswith("DEFINE_")]:
            patch.setattr(flags, name, _bound(getattr(flags, name), values))
        program._define_flags()
    # The flags are parsed below, into values of their own.
    monkeypatch.setattr("pipelines.program.app.run", lambda main: sys.exit(main(["program"])))

    def run(*arguments: str) -> tuple[int, str, str]:
        values.unparse_flags()
        for name in values:
            values[name].using_default_value = True
            values[name].value = values[name].default
        values(["program", *arguments])
        with pytest.raises(SystemExit) as leaving:
            run_program(program.main)
        captured = capfd.readouterr()
        return int(leaving.value.code or 0), captured.out, captured.err

    return run


def _bound(define: Any, values: flags.FlagValues) -> Any:
    def bound(*args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("flag_values", values)
        return define(*args, **kwargs)

    return bound
