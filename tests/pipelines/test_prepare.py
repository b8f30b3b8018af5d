import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipelines import prepare as program
from pipelines.preparation_progress import PreparationProgress
from ranking.features.prepared_data import read_prepared
from ranking.sources.catalog import SOURCES
from tests.helpers.one_error import assert_one_error
from tests.helpers.run_main import program_runner
from tests.helpers.small_spec import small_sessions, small_spec

ROOT = Path(__file__).parents[2]

Run = Callable[..., tuple[int, str, str]]


def _run(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pipelines.prepare", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return program_runner(program, monkeypatch, capfd)


@pytest.fixture
def logs(tmp_path: Path) -> Sequence[str]:
    """Flags to prepare Parquet files of small sessions, with a vocabulary file beside the spec."""
    spec = small_spec(vocabulary_file="cities.txt")
    (tmp_path / "small.json").write_text(spec.to_json(), encoding="utf-8")
    (tmp_path / "cities.txt").write_text("Oslo\n東京\n", encoding="utf-8")
    for seed, split in enumerate(("train", "validation", "test")):
        folder = tmp_path / "logs" / split
        folder.mkdir(parents=True)
        batch = small_sessions(spec, 7 + seed, seed)
        writer = pq.ParquetWriter(folder / "part.parquet", batch.schema)
        writer.write_batch(batch)
        writer.close()
    return [
        "--source=parquet",
        f"--spec={tmp_path / 'small.json'}",
        f"--input={tmp_path / 'logs'}",
        f"--data={tmp_path / 'data'}",
    ]


def test_parquet_files_become_a_prepared_folder(
    run: Run, logs: Sequence[str], tmp_path: Path
) -> None:
    code, out, err = run(*logs, "--shards=2", "--seed=3")
    assert code == 0, err
    data = read_prepared(tmp_path / "data")
    assert [data.manifest.splits[split].sessions for split in data.manifest.splits] == [7, 8, 9]
    assert data.spec.tables["city"].size == 2
    assert len(data.files("train")) == 2
    assert data.manifest.seed == 3
    assert data.manifest.source["source"] == "parquet"
    for words in ("sessions of spec small", "train", "click = 1", "bytes per candidate", "data:"):
        assert words in out
    assert "simulated" not in out
    assert "learning from train" in err and "writing test" in err and "/s" in err


def test_the_prepared_spec_prepares_new_sessions(
    run: Run, logs: Sequence[str], tmp_path: Path
) -> None:
    run(*logs)
    first = read_prepared(tmp_path / "data")
    code, _, err = run(
        *logs, f"--spec={tmp_path / 'data' / 'feature_spec.json'}", f"--data={tmp_path / 'again'}"
    )
    assert code == 0, err
    assert read_prepared(tmp_path / "again").spec == first.spec


def test_a_folder_is_replaced_only_when_told(run: Run, logs: Sequence[str]) -> None:
    run(*logs)
    code, _, err = run(*logs)
    assert code == 1
    assert "exists. Name another folder, or overwrite it (--overwrite)." in err
    assert run(*logs, "--overwrite")[0] == 0


def test_simulated_sessions_are_called_simulated(run: Run, tmp_path: Path) -> None:
    options = [f"--option={split}_sessions=40" for split in ("train", "validation", "test")]
    code, out, err = run(
        "--source=simulator",
        f"--spec={ROOT / 'feature_specs' / 'demo.yaml'}",
        f"--data={tmp_path / 'demo'}",
        *options,
    )
    assert code == 0, err
    assert "simulated sessions of spec demo" in out
    assert "The sessions are simulated" in out
    assert read_prepared(tmp_path / "demo").manifest.simulated


def test_the_table_says_what_global_labels_add(run: Run, tmp_path: Path) -> None:
    options = [f"--option={split}_sessions=90" for split in ("train", "validation", "test")]
    code, out, err = run(
        "--source=simulator",
        f"--spec={ROOT / 'feature_specs' / 'demo.yaml'}",
        f"--data={tmp_path / 'demo'}",
        "--option=shared_items=0.8",
        "--global_label_noise=0.25",
        *options,
    )
    assert code == 0, err
    manifest = read_prepared(tmp_path / "demo").manifest
    assert manifest.global_label_noise == 0.25
    (line,) = (line for line in out.splitlines() if "click differs globally" in line)
    for split in manifest.splits.values():
        count = split.global_differing["click"]
        assert f"{count} ({count / split.candidates:.1%})" in line
    assert "Of the global labels, 25.0% are coins." in out
    assert "global labels of validation" in err and "global labels of test" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--global_label_noise=0.1"], "spec `small`, which has no global labels"),
        (["--source=parqet"], "error: There is no source `parqet`. Did you mean `parquet`"),
        (["--spec=nowhere.yaml"], "error: nowhere.yaml: "),
        (["--option=layout"], "error: `--option` must be name=value. Received: --option=layout"),
        (["--option=a=1", "--option=a=2"], "error: `--option` must name an option once. Received"),
        (["--option=layuot=sessions"], "has no option `layuot`. Did you mean `layout`"),
        (["--input=nowhere"], "nowhere"),
        (["--beam_option=runner=DirectRunner"], "error: `--beam_option` needs --runner=beam."),
        (["--runner=beam", "--workers=2"], "error: `--workers` counts processes of --runner=local"),
    ],
)
def test_a_mistake_is_one_line(
    run: Run, logs: Sequence[str], arguments: list[str], message: str, tmp_path: Path
) -> None:
    assert_one_error(run(*logs, *arguments), message, tmp_path / "data")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{table: brand}", "{tabel: brand}", ":29: `behaviors.brand.tabel` is no key of a field"),
        ("{table: brand}", "{table: brnd}", ":29: `behaviors.brand.table` must name a table of"),
        ("tables:", "tables: [", ":7: The spec must be valid YAML: "),
        ("  brand_actions:", "  brnd_actions:", "Column `candidates.brnd_actions` is missing in"),
    ],
)
def test_a_mistake_in_the_spec_is_one_line(
    run: Run, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ROOT / "feature_specs" / "demo.yaml").read_text(encoding="utf-8")
    spec = tmp_path / "demo.yaml"
    spec.write_text(text.replace(old, new, 1), encoding="utf-8")
    sessions = [f"--option={split}_sessions=40" for split in ("train", "validation", "test")]
    result = run("--source=simulator", f"--spec={spec}", f"--data={tmp_path / 'data'}", *sessions)
    assert_one_error(result, message, tmp_path / "data")


def _without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def _with(**changes: int) -> Callable[[pa.Table], pa.Table]:
    """Changes values of session 5, or of its last candidate where candidates have such a value."""

    def changed(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        last = rows[5]["candidates"][-1]
        for name, value in changes.items():
            (last if name in last else rows[5])[name] = value
        schema = pa.schema([field.with_nullable(True) for field in table.schema])
        return pa.Table.from_pylist(rows, schema=schema)

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("visits"), "Column `visits` is missing in "),
        (_with(click=2), "session 5 (session_id 'session-5'): `labels_click` of candidate "),
        (_with(hour=24), "session 5 (session_id 'session-5'): `hour` must be from 0 to 23 (table "),
        (
            _with(grade=None),
            "part.parquet must have a value in every row. Received: null in row 5.",
        ),
    ],
)
def test_a_bad_session_is_one_line(
    run: Run,
    logs: Sequence[str],
    change: Callable[[pa.Table], pa.Table],
    message: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "logs" / "train" / "part.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    assert_one_error(run(*logs), message, tmp_path / "data")


def test_a_file_that_is_no_table_is_one_line(run: Run, logs: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "logs" / "train" / "part.parquet").write_text("no table", encoding="utf-8")
    result = run(*logs)
    assert_one_error(result, "part.parquet is not a whole Parquet file: ", tmp_path / "data")


@pytest.mark.parametrize(
    ("data", "message"),
    [("small.json", "small.json is a file."), ("small.json/data", "small.json is a file. Name")],
)
def test_a_data_folder_that_cannot_be_is_one_line(
    run: Run, logs: Sequence[str], data: str, message: str, tmp_path: Path
) -> None:
    assert_one_error(run(*logs, f"--data={tmp_path / data}"), message, tmp_path / "data")


def test_option_values_may_hold_an_equals_sign() -> None:
    assert program.read_options(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


def test_beam_that_is_not_installed_is_one_line(
    run: Run, logs: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pipelines.beam_passes", None)
    message = "error: `--runner=beam` needs Apache Beam, which cannot be imported"
    assert_one_error(run(*logs, "--runner=beam"), message, tmp_path / "data")


def test_help_shows_examples_without_starting_tensorflow() -> None:
    result = _run("--help")
    assert "python -m pipelines.prepare --source=simulator" in result.stdout
    assert "--[no]overwrite" in result.stdout
    told = " ".join(result.stdout.split())
    for entry in SOURCES.values():
        assert entry.summary in told and entry.input in told
        assert all(f"- {option}: {text}" in told for option, text in entry.options.items())
    assert result.stderr == ""
    check = "import sys, pipelines.prepare; print('tensorflow' in sys.modules)"
    command = [sys.executable, "-c", check]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"


def test_an_unknown_flag_is_refused_with_a_hint() -> None:
    result = _run("--sorce=simulator")
    assert result.returncode == 1
    assert "Unknown command line flag 'sorce'. Did you mean: source" in result.stderr


def test_an_error_exits_with_code_1_and_prints_no_more(tmp_path: Path) -> None:
    result = _run("--source=x", "--spec=nowhere.yaml", f"--data={tmp_path / 'data'}")
    assert result.returncode == 1
    assert result.stderr.startswith("error: nowhere.yaml: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_bars_finish_with_the_number_of_sessions() -> None:
    output = io.StringIO()
    console = Console(file=output, width=120)
    with PreparationProgress(console) as progress:
        progress.open("memory")
        for stage, split, sessions in [("learn", "train", 5), ("learn", "train", 6)]:
            progress.advance(stage, split, sessions)
        progress.advance("write", "train", 11)
    lines = output.getvalue().splitlines()
    assert [("learning from train" in line, "11 sessions" in line) for line in lines] == [
        (True, True),
        (False, True),
    ]
