"""What the build of the C++ client says where it cannot be built."""

import sys
from pathlib import Path

import pytest

from tools import build_client as program


def test_without_a_compiler_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert program.compiler() is None
    with pytest.raises(ValueError, match="`no-such-compiler` is not there. Install g"):
        program.build_client(tmp_path / "client")


def test_without_the_libraries_it_says_where_they_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(program, "_LIBRARIES", ("libtensorflow_cc.so.1",))
    with pytest.raises(ValueError, match="tensorflow must have libtensorflow_cc.so.1, as the"):
        program.build_client(tmp_path / "client")


def test_what_the_compiler_says_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho 'a.cc:7: error: no such thing' >&2\nexit 1\n", "utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(ValueError, match="The compiler says: a.cc:7: error: no such thing. Build"):
        program.build_client(tmp_path / "client")
    assert list(tmp_path.glob("*client*")) == []


def test_what_is_built_is_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler, built = tmp_path / "g++", tmp_path / "built"
    script = f'#!/bin/sh\necho x >> {built}\nwhile [ "$1" != -o ]; do shift; done\ntouch "$2"\n'
    compiler.write_text(script, "utf-8")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    out = tmp_path / "build" / "client"
    assert program.build_client(out) == program.build_client(out) == out
    assert built.read_text("utf-8") == "x\n"
    changed = tmp_path / "changed.cc"
    changed.write_text("int main() {}", "utf-8")
    monkeypatch.setattr(program, "SOURCE", changed)
    program.build_client(out)
    assert built.read_text("utf-8") == "x\nx\n"
