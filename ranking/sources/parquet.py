"""Sessions from a user's own Parquet tables."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ranking.features.spec import FeatureSpec
from ranking.sources.impression_sessions import check_impressions, read_impressions
from ranking.sources.nested_sessions import check_sessions, read_sessions
from ranking.sources.options import Options
from ranking.sources.parquet_files import find_files, find_split_files
from ranking.sources.session_source import SPLITS, SessionSource
from ranking.sources.session_splitting import Splitting, split_by_time, split_by_user
from ranking.sources.session_table import arrow_schema
from ranking.sources.source_error import SourceError

_SPLIT_OPTIONS = ("split", "validation_share", "test_share")


def open_parquet(
    spec: FeatureSpec, input: str, options: Mapping[str, str], seed: int
) -> SessionSource:
    """Maps Parquet files to sessions, a few of them in memory at a time.

    The input is a folder with a subfolder or a `.parquet` file per split (`train`, and
    `validation` and `test` where there are such), or one file or folder of sessions that the
    option `split` splits: by time where the spec names one, by user otherwise.

    Rows are nested sessions, as `session_table.arrow_schema` says, or impressions, as
    `impression_sessions.read_impressions` says (`layout=impressions`).

    Args:
        spec: The feature spec that the tables fit.
        input: File or folder.
        options: Those that the catalog lists, as typed.
        seed: Seeds the split by user.

    Raises:
        SourceError: If there is nothing to read, if a file does not fit the spec, or if an option
            is wrong or of no use.
    """
    chosen = Options("parquet", options)
    path = Path(input)
    rows = _Rows(spec, arrow_schema(spec), chosen.choice("layout", _LAYOUTS, "sessions"))
    files_of = dict(find_split_files(path))
    described: dict[str, str | int | float] = {"source": "parquet", "input": str(input)}
    described["layout"] = rows.layout
    if files_of:
        _refuse_split_options(chosen, path, files_of)
        rows.check([file for files in files_of.values() for file in files])
        splits = {name: _reader(rows, files) for name, files in files_of.items()}
        parts = {name: _parts(rows, files) for name, files in files_of.items()}
        counts = {f"{name}_files": len(files) for name, files in files_of.items()}
        return SessionSource(splits, False, described | {"split": "given"} | counts, parts)
    files = find_files(path)
    rows.check(files)
    splitting, how = _split(rows, files, chosen, seed)
    splits, parts = {}, {}
    for number, name in enumerate(SPLITS):
        if splitting.sessions[number]:
            splits[name] = _reader(rows, files, splitting, number)
            parts[name] = _parts(rows, files, splitting, number)
    counts = {f"{name}_sessions": splitting.sessions[SPLITS.index(name)] for name in splits}
    described |= {"files": len(files)} | how | counts
    return SessionSource(splits, False, described, parts)


_LAYOUTS = ("sessions", "impressions")


@dataclasses.dataclass(frozen=True)
class _Rows:
    """How rows of files become sessions."""

    spec: FeatureSpec
    schema: pa.Schema
    layout: str

    def check(self, files: Sequence[Path]) -> None:
        if self.layout == "impressions":
            check_impressions(files, self.spec, self.schema)
        else:
            check_sessions(files, self.schema)

    def read(self, files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        if self.layout == "impressions":
            return read_impressions(files, self.spec, schema)
        return read_sessions(files, schema)

    def column(self, files: Sequence[Path], name: str) -> Iterator[pa.Array]:
        """One session column, which must have a value in every session."""
        schema = pa.schema([self.schema.field(name).with_nullable(False)])
        return (batch.column(0) for batch in self.read(files, schema))


def _reader(
    rows: _Rows, files: Sequence[Path], splitting: Splitting | None = None, part: int = 0
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """A function that starts a pass over files, or over one part of a splitting of them."""

    def read() -> Iterator[pa.RecordBatch]:
        for batch in rows.read(files, rows.schema):
            if splitting is not None:
                chosen = splitting.split_of(batch.column(splitting.column)) == part
                batch = batch.filter(pa.array(chosen))
            if batch.num_rows:
                yield batch

    return read


def _parts(
    rows: _Rows, files: Sequence[Path], splitting: Splitting | None = None, part: int = 0
) -> list[Callable[[], Iterator[pa.RecordBatch]]]:
    """One reader per file, or one in all where a session may reach from file to file."""
    groups = [files] if rows.layout == "impressions" else [[file] for file in files]
    return [_reader(rows, group, splitting, part) for group in groups]


def _split(
    rows: _Rows, files: Sequence[Path], options: Options, seed: int
) -> tuple[Splitting, dict[str, str | float]]:
    roles = rows.spec.roles
    how = options.choice("split", ("time", "user"), "user" if roles.time is None else "time")
    validation_share = options.share("validation_share", 0.1)
    test_share = options.share("test_share", 0.1)
    if validation_share + test_share >= 1:
        raise options.error("test_share", "such that validation_share + test_share is below 1")
    described: dict[str, str | float] = {
        "split": how,
        "validation_share": validation_share,
        "test_share": test_share,
    }
    name = roles.time if how == "time" else roles.user_id
    if name is None:
        role = "time" if how == "time" else "user_id"
        raise SourceError(
            f"split={how} needs the role `{role}`, which spec `{rows.spec.name}` does not set. "
            "Set it under `roles`, or give a folder with train, validation and test."
        )
    column = rows.column(files, name)
    if how == "time":
        return split_by_time(name, column, validation_share, test_share), described
    return split_by_user(name, column, validation_share, test_share, seed=seed), described


def _refuse_split_options(options: Options, path: Path, found: Mapping[str, object]) -> None:
    for name in _SPLIT_OPTIONS:
        if name in options:
            raise SourceError(
                f"Option `{name}` splits sessions, and {path} already has {', '.join(found)}. "
                "Leave the option out, or give one of those as the input."
            )
