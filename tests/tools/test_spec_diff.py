"""The program: specs wherever they lie, a table, an exit code."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_spec import small_spec
from tools import spec_diff as program

Run = Callable[..., tuple[int, str, str]]
SPEC = small_spec()
OTHER = dataclasses.replace(
    SPEC,
    behaviors_max_length=50,
    roles=dataclasses.replace(SPEC.roles, segments=()),
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return program_runner(program, monkeypatch, capfd)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "before.json", tmp_path / "after.json"
    for path, spec in zip(paths, (SPEC, OTHER), strict=True):
        path.write_text(spec.to_json(), encoding="utf-8")
    return paths


def test_the_same_spec_is_exit_code_0(run: Run, files: tuple[Path, Path]) -> None:
    code, out, err = run(f"--before={files[0]}", f"--after={files[0]}")
    assert code == 0, err
    assert "The specs are the same." in out
    assert SPEC.fingerprint in out


def test_differences_are_a_table_and_exit_code_2(run: Run, files: tuple[Path, Path]) -> None:
    code, out, _ = run(f"--before={files[0]}", f"--after={files[1]}")
    assert code == 2
    (line,) = [line for line in out.splitlines() if "behaviors_max_length" in line]
    assert all(word in line for word in ("11", "50", "prepare again", "train again"))
    (line,) = [line for line in out.splitlines() if "roles.segments" in line]
    assert "evaluate again" in line and "–" in line
    assert "are refused with those of the other" in out


def test_one_part_is_asked_for(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    code, out, _ = run(f"--before={files[0]}", f"--after={files[1]}", "--part=server")
    assert code == 2
    assert "behaviors_max_length" in out and "segments" not in out
    roles = dataclasses.replace(SPEC, roles=OTHER.roles)
    (tmp_path / "roles.json").write_text(roles.to_json(), encoding="utf-8")
    changed = f"--before={files[0]}", f"--after={tmp_path / 'roles.json'}"
    code, out, _ = run(*changed, "--part=checkpoint")
    assert code == 0
    assert "Nothing differs for a checkpoint." in out
    assert run(*changed)[0] == 2


def test_a_spec_is_found_in_folders(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    run_folder, version = tmp_path / "run", tmp_path / "export" / "3"
    run_folder.mkdir()
    (version / "assets.extra").mkdir(parents=True)
    shutil.copy(files[0], run_folder / "feature_spec.json")
    shutil.copy(files[1], version / "assets.extra" / "feature_spec.json")
    code, out, _ = run(f"--before={run_folder}", f"--after={version}")
    assert code == 2
    assert SPEC.fingerprint in out and OTHER.fingerprint in out


def test_what_is_no_spec_is_one_line(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(f"--before={files[0]}", f"--after={tmp_path / 'empty'}")
    assert_one_error(result, "empty must be a spec file, a prepared folder, a run or a version")
    result = run(f"--before={files[0]}", f"--after={tmp_path / 'gone.yaml'}")
    assert_one_error(result, "must be a file that exists")
