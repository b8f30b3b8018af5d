r"""Builds `saved_model_client.cc` against the installed tensorflow package. Needs g++ and Linux.

Prints the one line that it runs, so that it can be run without this program.

Example:

    python -m tools.build_client --out=build/saved_model_client
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from absl import flags

from pipelines.program import run_program

FLAGS = flags.FLAGS
SOURCE = Path(__file__).with_name("saved_model_client.cc")
HEADER = Path(__file__).with_name("prediction_log.h")
_LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
# What the package was compiled with, which its headers depend on.
_OPTIONS = ("-std=c++17", "-D_GLIBCXX_USE_CXX11_ABI=1", "-DEIGEN_MAX_ALIGN_BYTES=64")


def _define_flags() -> None:
    flags.DEFINE_string("out", "build/saved_model_client", "The program to make.")


def main() -> None:
    """Builds the client and prints how, and where it is."""
    out = Path(FLAGS.out)
    print(shlex.join(build_command(out)))
    print(f"  client: {build_client(out)}")


def compiler() -> str | None:
    """The path of the C++ compiler, `$CXX` or g++; `None` where there is none."""
    return shutil.which(os.environ.get("CXX", "g++"))


def build_client(out: Path) -> Path:
    """Makes the program `out`, unless it is there, made from the same source in the same way.

    Returns:
        `out`.

    Raises:
        ValueError: If there is no compiler, if the tensorflow package lacks its C++ libraries, or
            if the compiler fails.
    """
    origin = out.with_name(f"{out.name}.origin")
    wanted = _origin(out)
    if out.exists() and origin.exists() and origin.read_text(encoding="utf-8") == wanted:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}-{os.getpid()}")
    done = subprocess.run(build_command(partial), capture_output=True, text=True, check=False)
    if done.returncode:
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise ValueError(
            f"{SOURCE} must compile against the installed tensorflow package. The compiler says: "
            f"{first.strip()}. Build with the g++ of a current Linux, or name another in CXX."
        )
    partial.replace(out)
    origin.write_text(wanted, encoding="utf-8")
    return out


def build_command(out: Path) -> list[str]:
    """The command that makes the program `out`.

    Raises:
        ValueError: If there is no compiler, or the tensorflow package lacks its C++ libraries.
    """
    program = compiler()
    if program is None:
        raise ValueError(
            f"{SOURCE.name} is built by a C++ compiler, and `{os.environ.get('CXX', 'g++')}` is "
            "not there. Install g++ (Debian and Ubuntu: apt-get install g++), or name one in CXX."
        )
    package = _tensorflow_folder()
    # Without --no-as-needed the linker drops libtensorflow_cc, which registers the sessions.
    libraries = ["-Wl,--no-as-needed", *(str(package / name) for name in _LIBRARIES)]
    headers = [f"-I{package / 'include'}", f"-I{SOURCE.parents[1]}"]
    target = [f"-Wl,-rpath,{package}", "-o", str(out)]
    # The headers use what they themselves call deprecated, hence -w.
    return [program, "-w", "-O1", *_OPTIONS, str(SOURCE), *headers, *libraries, *target]


def _tensorflow_folder() -> Path:
    """The folder of the installed tensorflow package, found without importing it."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("The package tensorflow must be installed. Install it with: make train")
    folder = Path(next(iter(spec.submodule_search_locations)))
    missing = [name for name in _LIBRARIES if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} must have {missing[0]}, as the tensorflow packages for Linux do. "
            "Build the client on Linux."
        )
    return folder


def _origin(out: Path) -> str:
    """What a build depends on."""
    source = hashlib.sha256(SOURCE.read_bytes() + HEADER.read_bytes()).hexdigest()
    version = importlib.metadata.version("tensorflow")
    return f"{source} tensorflow {version}\n{shlex.join(build_command(out))}\n"


if __name__ == "__main__":
    _define_flags()
    run_program(main, uses_tensorflow=False)
