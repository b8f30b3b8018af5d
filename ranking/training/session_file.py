"""The Parquet file of an evaluation: one row per session, for comparisons and notebooks."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ranking.features.flush import flush_content

Column: TypeAlias = pa.Array | npt.NDArray[Any]

_DOCUMENT = b"ranking"
_ROWS_PER_GROUP = 65536


class SessionFileWriter:
    """Writes the rows of an evaluation as they come; the file appears when it is whole.

    Use it as a context manager. Memory does not grow with the number of sessions.

    Args:
        path: The file.
        document: What the rows are of: model, settings, seed, data, split. It becomes JSON.
    """

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
        self._document = json.dumps(document)
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []

    def __enter__(self) -> "SessionFileWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        error_class: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._waiting:
                self._write_waiting()
            if self._writer is not None:
                self._writer.close()
                if error is None:
                    flush_content(self._temporary)
                    self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, columns: Mapping[str, Column]) -> None:
        """Adds rows: columns of equal length, the same at every call."""
        arrays = {name: pa.array(values) for name, values in columns.items()}
        self._waiting.append(pa.RecordBatch.from_pydict(arrays))
        if sum(batch.num_rows for batch in self._waiting) >= _ROWS_PER_GROUP:
            self._write_waiting()

    def _write_waiting(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        if self._writer is None:
            schema = table.schema.with_metadata({_DOCUMENT: self._document.encode()})
            self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
        self._writer.write_table(table.replace_schema_metadata({_DOCUMENT: self._document}))
        self._waiting = []


def read_document(path: Path) -> dict[str, Any]:
    """What the rows of a file are of, without reading them.

    Raises:
        ValueError: If it is no file that `SessionFileWriter` wrote.
    """
    with _explained(path):
        return dict(json.loads((pq.read_schema(path).metadata or {})[_DOCUMENT]))


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Names the file and the remedy where reading it fails."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise ValueError(
            f"{path} must be the file of an evaluation's sessions: {error!r}. Make it with "
            "`python -m pipelines.evaluate --run=<run>`."
        ) from error


class SessionFile:
    """An evaluation read back: one row per session.

    Columns, in the order of the sessions:

    - `session_id`, `user_id`: as the source has them; left out where the spec names no such role.
    - `history`: behaviors that the encoder kept, int64.
    - `segment.<dimension>`: the name of the session's segment.
    - `<task>.<metric>`: `session_auc`, `auc_at_10`, `auc_at_10_skip`, `ndcg`, `ndcg_at_10`, float64
      with NaN where a session has none.
    - `<task>.scores`, `<task>.labels`: lists of float32, one entry per candidate.
    - `gate`: the gate's output as a list of K numbers, where the model has a gate: the session's;
      where the gate reads the target, that of the first positive candidate (else of the first).
    - `target_item_in_history`, `target_category_in_history`: whether item or category of that same
      candidate occur among the behaviors, bool; left out where the spec names no such role.

    Args:
        path: A file that `SessionFileWriter` wrote.

    Attributes:
        path: The file.
        document: What the rows are of.
        table: All columns.

    Raises:
        ValueError: If it is no such file.
    """

    def __init__(self, path: Path) -> None:
        with _explained(path):
            table = pq.read_table(path)
            document = json.loads((table.schema.metadata or {})[_DOCUMENT])
        self.path = path
        self.document: dict[str, Any] = document
        self.table: pa.Table = table

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def tasks(self) -> tuple[str, ...]:
        """The labels that were predicted."""
        names = self.table.column_names
        return tuple(name.removesuffix(".scores") for name in names if name.endswith(".scores"))

    def __contains__(self, column: str) -> bool:
        return column in self.table.column_names

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of single values, `[S]`.

        Raises:
            ValueError: If there is none of that name.
        """
        if name not in self:
            raise ValueError(
                f"{self.path} has no column `{name}`. It has: {', '.join(self.table.column_names)}"
            )
        return np.asarray(self.table.column(name).to_numpy())

    def lists(self, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """A column of lists as its flat values and the length of each list `[S]`."""
        lists = self.table.column(name).combine_chunks()
        lengths = np.asarray(lists.value_lengths(), dtype=np.int64)
        return np.asarray(lists.flatten()), lengths

    def gates(self) -> npt.NDArray[np.float32]:
        """The gate of each session `[S, K]`."""
        values, lengths = self.lists("gate")
        return values.reshape(len(lengths), -1).astype(np.float32)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What sessions are told apart by."""
        names = self.table.column_names
        return tuple(n.removeprefix("segment.") for n in names if n.startswith("segment."))
